"""``python -m voicescan PATH… [--json | --sarif]``."""

from __future__ import annotations

import argparse
import json
import sys

from voicescan.report import Report, sarif
from voicescan.scanner import exit_code, files_under, scan


def main(arguments: list[str] | None = None) -> int:
    """Scan the named files and folders and print the reports. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="voicescan", description="Scan voice model files; nothing in them is run.")
    parser.add_argument("paths", nargs="+", metavar="PATH")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON array of reports")
    form.add_argument("--sarif", action="store_true", help="print a SARIF 2.1.0 log")
    options = parser.parse_args(arguments)
    reports = [scan(path) for path in files_under(options.paths)]
    if options.json:
        print(json.dumps([report.to_dict() for report in reports], ensure_ascii=False, indent=2))
    elif options.sarif:
        print(json.dumps(sarif(reports), ensure_ascii=False, indent=2))
    else:
        for report in reports:
            print(_line(report))
    return exit_code(reports)


def _line(report: Report) -> str:
    told = "".join(f"\n  {one.rule} at {one.place}: {one.message_en}" for one in report.findings[:10])
    return f"{report.path}: {report.verdict} ({report.format}, {report.kind} {report.family}){told}"


if __name__ == "__main__":
    sys.exit(main())
