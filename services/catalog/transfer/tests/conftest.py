from services.catalog.tests.conftest import hub as hub
