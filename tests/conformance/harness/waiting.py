"""How long tests wait: for an event, however busy the machine is. Nothing but a hang takes PATIENCE."""
import os
import time

from harness.cases import Fail

PATIENCE = float(os.environ.get("POSTERN_TEST_PATIENCE", 180))  # seconds; the runner's own tests, in which servers hang on purpose, have less
# A limit of time that a case is about counts what the server computed. By the clock, which counts what other programs computed as well, this many times as much
# is allowed.
SLOWNESS = 10


def until(what, got, seconds=PATIENCE):
    """What `got` gives, once it gives something. `what` is missing otherwise: a text, or a function that gives one."""
    end, pause = time.monotonic() + seconds, 0.005
    while True:
        last = time.monotonic() >= end  # asked once more then: this process may have slept
        if found := got():
            return found
        if last:
            raise Fail("not within %d s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


class Calm:
    """A clock for what does not happen. It counts the time in which this process had its turn whenever it asked, and the server computed nothing: on a busy
    machine silence takes longer. Behind PATIENCE it is over in any case."""

    PIECE = 0.1

    def __init__(self, seconds, computed=lambda: 0.0):
        """`computed`: seconds of computing of the server so far."""
        self.left, self.computed = seconds, computed
        self.end = time.monotonic() + max(PATIENCE, seconds)
        self.begin()

    def begin(self):
        self.at, self.before = time.monotonic(), self.computed()

    def piece(self):
        """How long to wait now; 0 when it is over. Called again behind each wait."""
        took, computed = time.monotonic() - self.at, self.computed() - self.before
        if took < 2 * self.PIECE and computed < took / 10:
            self.left -= took
        self.begin()
        return 0 if self.left <= 0 or self.at > self.end else min(self.left, self.PIECE)


def quiet(seconds, computed):
    """Waits for what must not come; `computed` as in Calm."""
    calm = Calm(seconds, computed)
    while piece := calm.piece():
        time.sleep(piece)


def cpu_seconds(pid):
    """What a process has computed so far, however long it waited for its turn; 0 when it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
    except OSError:
        return 0.0


def is_too_long(limit, seconds, computed=0.0):
    """Whether what took so many seconds by the clock, and of computing, has passed a limit."""
    return computed > limit or seconds > SLOWNESS * limit
