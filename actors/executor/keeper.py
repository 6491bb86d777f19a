"""The keeper of a job: an OS process, ``python -I -S``, between a worker and a job.

It starts the job within its limits, tells the worker how it ends, and leaves nothing of it behind:
not what the job has started and forgotten, not what has left the job's session, and not when the
worker is killed. For that, it is the *subreaper* of the job (Linux): what loses its parent becomes
a child of the keeper. It has no other children, so when the system says that it has none, nothing
is left.

It is in a session of its own, and the job in another one: no Ctrl-C and no signal to the job's
group meets it. It knows nothing of seriatim and imports as little as can be, because a command may
wait for it: about 8 ms for the interpreter and 4 ms for all of the below, 2 of them for
``ctypes``. ``signal`` would take 4 ms more for its enumerations, ``typing`` 3 ms: both are missing.

It keeps one job after the other, so that not each of them waits for an interpreter. When its socket
is closed, everything of the job is killed, and the keeper ends. What it hears there, in lines:

==================  =============================================================================
``order LENGTH``    a job, as so many bytes behind the line; see `Order`. Between two jobs nothing
                    else is heard: what was meant for one that has ended means none
``term``            SIGTERM to the group of the job
``kill``            everything of the job is killed
``processes N``     from now on the job may have N OS processes at once; no N: as many as it likes
==================  =============================================================================

What it says there, in lines:

=========================  ======================================================================
``started PID``            the job runs; its group has the same number
``failed STEP ERRNO``      it does not: a step of `start`
``over N``                 it had N OS processes, more than it may, and is being killed
``ended STATUS CPU PEAK``  it has ended, as ``wait`` says it, and nothing of it is left: its
                           processor time in ms, the largest resident size of one of its processes
=========================  ======================================================================
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterator
else:
    import _signal  # what signal is made of, without the enumerations

IS_LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
READ_BYTES = 1 << 16
LOADAVG = "/proc/loadavg"
# The units of ru_maxrss: KiB, but for macOS.
PEAK_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Order:
    """What the worker wants: fields of bytes with NULs between them, in the order of its init."""

    def __init__(self, raw: bytes) -> None:
        """Read the order that *raw* is; numbers are decimal, and empty for no bound."""
        fields = iter(raw.split(b"\0"))
        self.cwd, self.cgroup = next(fields), next(fields)
        self.count_ms = int(next(fields))
        self.cpu_s, self.memory, self.files, self.processes = (
            number(next(fields)) for _ in range(4)
        )
        # Descriptors that are the job's, and not the keeper's any more when it has started.
        self.handed_on = [int(each) for each in next(fields).split()]
        self.argv = [next(fields) for _ in range(int(next(fields)))]
        self.env: dict[bytes, bytes] = {}
        for field in fields:
            name, _, self.env[name] = field.partition(b"=")


class Link:
    """The socket to the worker."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003  # has no name
        self.descriptor = descriptor
        self.buffer = b""
        self.is_open = True

    def read_order(self) -> Order | None:
        """Return the next order; ``None`` where the worker is gone before it was all there."""
        while self.is_open:
            for words in self.lines():
                if words[0] == b"order":
                    return self.read_body(int(words[1]))
            self.fill()
        return None

    def read_body(self, length: int) -> Order | None:
        """Return the order of *length* bytes that comes next."""
        while len(self.buffer) < length:
            self.fill()
            if not self.is_open:
                return None
        raw, self.buffer = self.buffer[:length], self.buffer[length:]
        return Order(raw)

    def lines(self) -> Iterator[list[bytes]]:
        """Yield the words of each line that has come."""
        while b"\n" in self.buffer:
            line, _, self.buffer = self.buffer.partition(b"\n")
            yield line.split(b" ")

    def fill(self) -> None:
        """Read what has come, or see that the worker is gone."""
        try:
            received = os.read(self.descriptor, READ_BYTES)
        except ConnectionError:
            received = b""
        self.buffer += received
        self.is_open = bool(received)

    def say(self, *words: object) -> None:
        """Tell the worker; where it is gone, `fill` sees that."""
        try:
            os.write(self.descriptor, " ".join(map(str, words)).encode() + b"\n")
        except OSError:
            self.is_open = False


def number(word: bytes) -> int | None:
    """Return the number that *word* is, or ``None`` for an empty one."""
    return int(word) if word else None


def prctl(option: int, argument: int) -> None:
    """Ask Linux for *option*; elsewhere nothing is there to be asked for."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(option, argument, 0, 0, 0)


def start(order: Order) -> tuple[int, bytes]:
    """Start the job; return its number, and what has failed: a step and an errno, or nothing.

    Between fork and exec there is one thread and no code but this: that is what it is here for.
    """
    heard, told = os.pipe()
    keeper = os.getpid()
    try:
        job = os.fork()
    except OSError as error:
        os.close(heard)
        os.close(told)
        return 0, b"fork %d" % (error.errno or 0)
    if not job:
        step = b"limits"
        try:
            enter(order, keeper)
            step = b"cwd"
            if order.cwd:
                os.chdir(order.cwd)
            step = b"exec"
            execute(order)
        except OSError as error:
            os.write(told, b"%s %d" % (step, error.errno or 0))
        except Exception:  # noqa: BLE001  # no memory, for example: the worker has to hear it
            os.write(told, b"%s 0" % step)
        finally:
            os._exit(127)  # whatever happens: two keepers would be one too many
    os.close(told)
    failed = os.read(heard, READ_BYTES)  # empty once the program runs: the pipe is closed then
    os.close(heard)
    return job, failed


def enter(order: Order, keeper: int) -> None:
    """Make this new process what the job begins as: its session, its signals, its limits."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, _signal.SIGKILL)
    if os.getppid() != keeper:  # it has died before the line above took effect
        os._exit(127)
    for each in range(1, _signal.NSIG):
        # What an interpreter and the keeper ignore (SIGPIPE, SIGTERM) is none of the job's.
        if _signal.getsignal(each) == _signal.SIG_IGN:
            _signal.signal(each, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
    if order.cgroup:
        descriptor = os.open(order.cgroup + b"/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        os.write(descriptor, b"0")
        os.close(descriptor)
    bound(resource.RLIMIT_CORE, 0)
    if order.files is not None:
        bound(resource.RLIMIT_NOFILE, order.files)
    if order.cpu_s is not None:
        # SIGXCPU at the soft limit, and for who does not heed it SIGKILL a second later.
        bound(resource.RLIMIT_CPU, order.cpu_s, order.cpu_s + 1)
    if order.memory is not None and IS_LINUX:  # macOS has the limit, and does not heed it
        bound(resource.RLIMIT_AS, order.memory)  # the last one: this interpreter needs some, too


def bound(what: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; one that the system has set lower already stays as it is."""
    _, most = resource.getrlimit(what)
    hard = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(what, (soft, hard))


def execute(order: Order) -> None:
    """Become the program; one without a slash is looked for in the PATH of its environment.

    Raises:
        OSError: none could be started; a program that may not be goes before one that is not there.
    """
    program = order.argv[0]
    folders = [b""] if b"/" in program else order.env.get(b"PATH", b"/bin:/usr/bin").split(b":")
    failure: OSError = FileNotFoundError(2, "not in PATH")
    for folder in folders:
        try:
            os.execve(os.path.join(folder, program), order.argv, order.env)  # noqa: PTH118, S606  # see above
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            failure = error
    raise failure


def parents() -> dict[int, int]:
    """Return the parent of every OS process that can be seen; nothing where there is no /proc."""
    found = {}
    for name in os.listdir("/proc") if IS_LINUX else ():  # noqa: PTH208  # pathlib takes long
        if name.isdecimal():
            parent = parent_of(int(name))
            if parent is not None:
                found[int(name)] = parent
    return found


def parent_of(process: int) -> int | None:
    """Return the parent of *process*, or ``None`` where it is gone."""
    try:
        descriptor = os.open(f"/proc/{process}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        raw = os.read(descriptor, READ_BYTES)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    # The name in parentheses may hold anything.
    return int(raw[raw.rindex(b")") + 2 :].split(None, 2)[1])


def family() -> int:
    """Return how many descendants this keeper has: all of the job."""
    children: dict[int, list[int]] = {}
    for child, parent in parents().items():
        children.setdefault(parent, []).append(child)
    found, left = 0, [os.getpid()]
    while left:
        born = children.get(left.pop(), [])
        found += len(born)
        left += born
    return found


def births() -> tuple[bytes, int]:
    """Return the number that was last given to an OS process, and how many threads there are.

    The same number means, none is new. The threads are all of the kernel, zombies among them,
    whatever pid namespace asks: no family is larger. They are 0 where that is not known: gVisor has
    zeros for all of it, and what lxcfs has in the file's place is of its cgroup, seconds ago.
    """
    descriptor = os.open(LOADAVG, os.O_RDONLY)
    try:
        if os.fstat(descriptor).st_dev != os.stat("/proc").st_dev:  # noqa: PTH116  # takes long
            return b"", 0
        *_, threads, last = os.read(descriptor, READ_BYTES).split()
    finally:
        os.close(descriptor)
    return last, int(threads.partition(b"/")[2])


def signal_group(process: int, number: int) -> None:
    """Send a signal to the group of the job: to all at once, so that nobody forks meanwhile."""
    try:
        os.killpg(process, number)
    except (ProcessLookupError, PermissionError):
        return  # all of it are zombies (macOS says the latter), or programs of another user


def kill_children() -> None:
    """Kill the keeper's children. Nobody else reaps them, so that none can be a stranger by now."""
    keeper = os.getpid()
    for child, parent in parents().items():
        if parent == keeper:
            try:
                os.kill(child, _signal.SIGKILL)
            except PermissionError:
                continue  # a program of another user (setuid): it is waited for


class Bell:
    """A descriptor that can be read when a child has ended: select does not hear signals."""

    def __init__(self) -> None:
        self.descriptor, ring = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(ring, False)
        _signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)


class Job:
    """The job that runs."""

    def __init__(self, process: int, order: Order, link: Link, bell: Bell) -> None:
        self.process = process
        self.link = link
        self.bell = bell
        self.processes = order.processes
        self.count_ms = order.count_ms
        self.newest = b""
        self.status: int | None = None
        self.cpu_s = 0.0
        self.peak = 0
        self.poll = select.poll()
        self.poll.register(bell.descriptor, select.POLLIN)
        self.poll.register(link.descriptor, select.POLLIN)

    def wait(self) -> None:
        """Return when the job itself has ended or is to be killed; it is not reaped then."""
        # What came with the order is obeyed before anything is waited for.
        while self.obey() and self.link.is_open and not self.has_ended() and not self.is_over():
            timeout_ms = None if self.processes is None else self.count_ms
            ready = {descriptor for descriptor, _ in self.poll.poll(timeout_ms)}
            if self.bell.descriptor in ready:
                os.read(self.bell.descriptor, READ_BYTES)
            if self.link.descriptor in ready:
                self.link.fill()

    def obey(self) -> bool:
        """Do what the worker says; return whether the job is to go on."""
        for words in self.link.lines():
            if words[0] == b"kill":
                return False
            if words[0] == b"processes":
                self.processes, self.newest = number(words[1]), b""
            elif words[0] == b"term":
                signal_group(self.process, _signal.SIGTERM)
        return True

    def is_over(self) -> bool:
        """Tell whether the job has more OS processes than it may; then the worker has been told."""
        if self.processes is None or not IS_LINUX:
            return False
        last, threads = births()
        # To look for the family is a walk through /proc, which takes a ms and more.
        if threads and (last == self.newest or threads <= self.processes):
            return False
        self.newest = last
        found = family()
        if found <= self.processes:
            return False
        self.link.say("over", found)
        return True

    def has_ended(self) -> bool:
        """Tell whether the job itself has ended, and reap what it has left to the keeper."""
        if not hasattr(os, "waitid"):  # macOS: who looks, reaps; and nothing is left to a keeper
            return self.reap(self.process, os.WNOHANG)
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == self.process:
                return ended is not None
            self.reap(ended.si_pid)

    def end(self) -> None:
        """Kill all that is left of the job, itself included; return when all are gone.

        As long as nobody has reaped the job itself, the number of its group is its own.
        """
        signal_group(self.process, _signal.SIGKILL)
        if self.status is None:
            self.reap(self.process)
        while True:
            try:
                if not self.reap(-1, os.WNOHANG):
                    kill_children()
                    self.reap(-1)
            except ChildProcessError:
                return

    def reap(self, process: int, options: int = 0) -> bool:
        """Reap *process*, and add what it has used; return whether there was one to reap."""
        found, status, used = os.wait4(process, options)
        if found == self.process:
            self.status = status
        if found:
            self.cpu_s += used.ru_utime + used.ru_stime
            self.peak = max(self.peak, used.ru_maxrss * PEAK_UNIT_BYTES)
        return bool(found)


def keep(order: Order, link: Link, bell: Bell) -> None:
    """Keep one job, from its start until nothing of it is left."""
    process, failed = start(order)
    for descriptor in order.handed_on:
        os.close(descriptor)
    if failed:
        if process:
            os.waitpid(process, 0)
        link.say("failed", failed.decode())
        return
    link.say("started", process)
    job = Job(process, order, link, bell)
    job.wait()
    job.end()
    link.say("ended", job.status, int(job.cpu_s * 1000), job.peak)


def run() -> None:
    """Keep jobs; the descriptor of the socket is the first argument of this interpreter."""
    for each in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(each, _signal.SIG_IGN)  # it ends behind its job, however that ends
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    link, bell = Link(int(sys.argv[1])), Bell()
    while (order := link.read_order()) is not None:
        keep(order, link, bell)
    os._exit(0)  # nothing is left to do, and to take an interpreter down takes time
