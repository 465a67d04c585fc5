"""`landuse doctor`."""

from __future__ import annotations

import click


@click.command()
def doctor() -> int:
    """What this machine has: Java, cores, instruction sets, GDAL drivers, memory, disk; and what to mend.

    Leaves with 0 if landuse can run here, else with 1.
    """
    from landuse.engine.checkup import check_up

    findings = check_up()
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        click.echo(f"{finding.grade:<5} {finding.what:<{width}}  {finding.has}")
        if finding.mend:
            click.echo(f"{'':<5} {'':<{width}}  -> {finding.mend}")
    return 1 if any(finding.stops for finding in findings) else 0
