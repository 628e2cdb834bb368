"""Events: CloudEvents 1.0 with protobuf data, at least once on the wire, once in effect."""

from services.common.events.envelope import Event, make_event
from services.common.events.port import Consumer, Delivery, EventBus, Marks, Parked, open_bus

__all__ = ["Consumer", "Delivery", "Event", "EventBus", "Marks", "Parked", "make_event", "open_bus"]
