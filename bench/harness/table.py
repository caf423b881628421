"""Medians, and the one table in which they are shown."""

import statistics

FINDINGS = ("lost", "doubled", "reordered", "strange", "refused", "unacknowledged", "disconnected", "wrong", "unread_by")


def medians(results):
    """{(row, server): {figure: median}} of the runs' lines."""
    lines = {}
    for result in results:
        lines.setdefault((result["row"], result["server"]), []).append(result["line"])
    return {
        key: {
            figure: statistics.median(line[figure] for line in runs)
            for figure, value in runs[0].items()
            if isinstance(value, (int, float)) and all(figure in line for line in runs)
        }
        for key, runs in lines.items()
    }


def findings(results):
    """{(row, server): {finding: sum over the runs}} where something was wrong."""
    found = {}
    for result in results:
        for finding in FINDINGS:
            if count := result["line"].get(finding, 0):
                counts = found.setdefault((result["row"], result["server"]), {})
                counts[finding] = counts.get(finding, 0) + count
    return found


def ratios(middle, row, figure, servers):
    """{server: tidings / server}."""
    own = middle.get((row.name, "tidings"), {}).get(figure.key)
    others = ((server, middle.get((row.name, server), {}).get(figure.key)) for server in servers if server != "tidings")
    return {server: own / value for server, value in others if own is not None and value}


def _number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def render(rows, servers, middle):
    """The table: a line for each figure, a column for each server, then tidings' ratio to each."""
    others = [server for server in servers if server != "tidings"] if "tidings" in servers else []
    header = ["", *servers, *(f"/{server}" for server in others)]
    lines = []
    for row in rows:
        if not any((row.name, server) in middle for server in servers):
            continue
        lines.append([f"{row.name}: {row.title}"])
        for figure in row.figures:
            values = [middle.get((row.name, server), {}).get(figure.key) for server in servers]
            own = ratios(middle, row, figure, servers)
            mark = "" if figure.lower_is_better else " ^"
            cells = [f"  {figure.label}{mark}", *map(_number, values)]
            lines.append(cells + [f"{own[server]:.2f}" if server in own else "" for server in others])
    widths = [max(len(line[i]) for line in [header, *lines] if len(line) > 1) for i in range(len(header))]
    text = []
    for line in [header, *lines]:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)
