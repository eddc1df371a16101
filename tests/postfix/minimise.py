"""Makes a case that differs small: parts are taken away while it still differs in the same way."""
import time

import generator


def minimise(draft, line, differ, until=None, rounds=12):
    """`differ(drafts)` -> the line of each draft's difference, None where the sides agree. Returns the smallest draft found, None when
    the draft itself does not differ any more (the difference is not stable). Behind the monotonic time `until` no new round begins."""
    if differ([draft])[0] != line:
        return None
    chunk = None
    for _ in range(rounds):
        parts = generator.parts(draft)
        if not parts or (until is not None and time.monotonic() >= until):
            break
        chunk = max(1, min(chunk or len(parts) // 2, len(parts)))
        groups = [parts[i:i + chunk] for i in range(0, len(parts), chunk)]
        drafts = [generator.without(draft, group) for group in groups]
        lines = differ(drafts)
        good = [group for group, found in zip(groups, lines) if found == line]
        if good:
            draft = combined(draft, good, drafts[groups.index(good[0])], line, differ)
        elif chunk == 1:
            break
        chunk = max(1, chunk // 2)
    return draft


def combined(draft, groups, first, line, differ):
    """Without all groups at once where that still differs, else without the longest run of them that does."""
    best, size = first, 1
    tries, count = [], len(groups)
    while count > 1:
        tries.append((count, generator.without(draft, [p for group in groups[:count] for p in group])))
        count = count // 2 if count > 2 else 1
    if tries:
        lines = differ([t[1] for t in tries])
        for (count, smaller), found in zip(tries, lines):
            if found == line and count > size:
                best, size = smaller, count
    return best
