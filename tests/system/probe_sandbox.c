// probe-sandbox PID [WRITABLE_DIR]: what a process, once taken over, could still do.
//
// Stops one thread of PID with ptrace, makes it run system calls of our choice, prints what each
// returned, and puts the thread's registers back. Nothing of the program under test takes part, so
// what is shown is what the kernel enforces (seccomp, Landlock, capabilities, name spaces), not
// what the program says of itself. Run it twice: on a process without a sandbox (`--baseline UID`
// starts one) and on the gateway; a call counts as refused only where the baseline got further.
//
// Every probe is harmless where it is allowed: its arguments name nothing, or what it makes is
// taken back; only the last ones (name spaces, execve) change the process, so give it a process
// that may be lost.
//
// BRIEF in the environment: only files are tried, which changes nothing; PID may be any thread
// then.
//
// Output: one line a probe: NAME TAB RESULT, where RESULT is "ok", an errno name, or "killed" (the
// process died of it). x86-64 only. cc -O1 -o probe probe_sandbox.c
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t target;
static struct user_regs_struct saved;
static unsigned long gadget, scratch;

static void die(const char* what) {
  perror(what);
  exit(2);
}

// Finds "0f 05" (syscall) in mapped code.
static unsigned long find_gadget(pid_t pid) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE* maps = fopen(path, "r");
  if (!maps) die(path);
  while (fgets(line, sizeof line, maps)) {
    unsigned long from, to;
    char mode[8];
    if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[2] != 'x' ||
        strstr(line, "[vsyscall]"))
      continue;
    size_t size = to - from < 4u << 20 ? to - from : 4u << 20;
    unsigned char* copy = malloc(size);
    struct iovec here = {copy, size}, there = {(void*)from, size};
    ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
    for (ssize_t i = 0; i + 1 < got; ++i)
      if (copy[i] == 0x0f && copy[i + 1] == 0x05) {
        free(copy);
        fclose(maps);
        return from + i;
      }
    free(copy);
  }
  die("no syscall instruction found");
  return 0;
}

static unsigned long put(unsigned long at, const void* data, size_t size) {
  struct iovec here = {(void*)data, size}, there = {(void*)at, size};
  if (process_vm_writev(target, &here, 1, &there, 1, 0) != (ssize_t)size)
    die("write to the target");
  return at;
}
static unsigned long text(int slot, const char* s) {
  return put(scratch + slot * 256, s, strlen(s) + 1);
}

// Ended, or a zombie whose parent has not yet asked.
static int gone(void) {
  char path[64], line[256] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", target);
  FILE* f = fopen(path, "r");
  if (!f) return 1;
  if (!fgets(line, sizeof line, f)) line[0] = 0;
  fclose(f);
  const char* state = strrchr(line, ')');
  return !state || strchr("ZXx", state[2]);
}

// Returns the call's value; *dead when the target ended of it.
static long call(int* dead, long nr, unsigned long a, unsigned long b, unsigned long c,
                 unsigned long d, unsigned long e, unsigned long f) {
  struct user_regs_struct r = saved;
  r.rip = gadget;
  r.rax = nr;
  r.orig_rax = -1;
  r.rdi = a;
  r.rsi = b;
  r.rdx = c;
  r.r10 = d;
  r.r8 = e;
  r.r9 = f;
  r.rsp = (saved.rsp - 8192) & ~15ul;
  *dead = 0;
  if (ptrace(PTRACE_SETREGS, target, 0, &r)) die("SETREGS");
  for (;;) {
    if (ptrace(PTRACE_SINGLESTEP, target, 0, 0)) die("SINGLESTEP");
    int status = 0, got = 0;
    for (int i = 0; i < 300 && got == 0; ++i) {
      got = waitpid(target, &status, __WALL | WNOHANG);
      if (got == 0) usleep(10000);
    }
    if (got <= 0) {
      *dead = gone() ? 1 : 3;
      return 0;
    }
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      *dead = 1;
      return 0;
    }
    if (WSTOPSIG(status) == SIGSYS) {
      *dead = 2;
      return 0;
    }
    if (WSTOPSIG(status) == SIGTRAP) break;
    // Another signal came first (a child of a probe ended): it is dropped, the call not yet made.
  }
  if (ptrace(PTRACE_GETREGS, target, 0, &r)) {
    *dead = 1;
    return 0;
  }
  return (long)r.rax;
}

static const char* errname(long code) {
  const char* n = strerrorname_np((int)code);
  return n ? n : "?";
}

// After a probe that succeeded, what it made is taken back.
enum undo { none, close_it, unmap_it, reap_it };

static int probe(const char* name, enum undo undo, long nr, unsigned long a, unsigned long b,
                 unsigned long c, unsigned long d, unsigned long e, unsigned long f) {
  int dead;
  long value = call(&dead, nr, a, b, c, d, e, f);
  if (dead) {
    printf("%s\t%s\n", name, dead == 2 ? "SIGSYS" : dead == 3 ? "blocked" : "killed");
    fflush(stdout);
    return 1;
  }
  if (value < 0 && value > -4096)
    printf("%s\t%s\n", name, errname(-value));
  else {
    printf("%s\tok\n", name);
    int ignore;
    if (undo == close_it) call(&ignore, SYS_close, value, 0, 0, 0, 0, 0);
    if (undo == unmap_it) call(&ignore, SYS_munmap, value, 4096, 0, 0, 0, 0);
    if (undo == reap_it && value > 0) kill((pid_t)value, SIGKILL);
  }
  fflush(stdout);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: probe-sandbox PID|--baseline UID [WRITABLE_DIR]\n");
    return 64;
  }
  pid_t own = 0;
  if (!strcmp(argv[1], "--baseline")) {
    uid_t uid = argc > 2 ? (uid_t)atoi(argv[2]) : 0;
    own = fork();
    if (own == 0) {
      if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))) _exit(1);
      for (;;) pause();
    }
    target = own;
    argv++;
    argc--;
    usleep(100000);
  } else
    target = atoi(argv[1]);
  const char* writable = argc > 2 ? argv[2] : NULL;
  if (ptrace(PTRACE_SEIZE, target, 0, 0)) die("SEIZE");
  if (ptrace(PTRACE_INTERRUPT, target, 0, 0)) die("INTERRUPT");
  int status;
  waitpid(target, &status, __WALL);
  if (ptrace(PTRACE_GETREGS, target, 0, &saved)) die("GETREGS");
  gadget = find_gadget(target);
  scratch = (saved.rsp - 6144) & ~255ul;
  unsigned char keep[4096];
  struct iovec k = {keep, sizeof keep}, t = {(void*)scratch, sizeof keep};
  process_vm_readv(target, &k, 1, &t, 1, 0);
  int rc = 0, execed = 0;
  const long fd = AT_FDCWD;
#define P(...)              \
  if (probe(__VA_ARGS__)) { \
    rc = 3;                 \
    goto out;               \
  }
  // Files.
  P("read-shadow", close_it, SYS_openat, fd, text(0, "/etc/shadow"), O_RDONLY, 0, 0, 0)
  P("read-ssh-host-key-dir", close_it, SYS_openat, fd, text(0, "/etc/ssl/private"),
    O_RDONLY | O_DIRECTORY, 0, 0, 0)
  P("list-root", close_it, SYS_openat, fd, text(0, "/root"), O_RDONLY | O_DIRECTORY, 0, 0, 0)
  P("list-home", close_it, SYS_openat, fd, text(0, "/home"), O_RDONLY | O_DIRECTORY, 0, 0, 0)
  P("read-proc-1-environ", close_it, SYS_openat, fd, text(0, "/proc/1/environ"), O_RDONLY, 0, 0, 0)
  P("read-own-memory-file", close_it, SYS_openat, fd, text(0, "/proc/self/mem"), O_RDWR, 0, 0, 0)
  P("read-passwd", close_it, SYS_openat, fd, text(0, "/etc/passwd"), O_RDONLY, 0, 0, 0)
  P("create-in-tmp", close_it, SYS_openat, fd, text(0, "/tmp/.probe-sandbox"), O_WRONLY | O_CREAT,
    0600, 0, 0)
  P("create-in-etc", close_it, SYS_openat, fd, text(0, "/etc/.probe-sandbox"), O_WRONLY | O_CREAT,
    0600, 0, 0)
  P("create-in-usr-bin", close_it, SYS_openat, fd, text(0, "/usr/bin/.probe-sandbox"),
    O_WRONLY | O_CREAT, 0600, 0, 0)
  if (getenv("BRIEF")) goto out;
  P("symlink-in-tmp", none, SYS_symlinkat, text(0, "/etc/shadow"), fd, text(1, "/tmp/.probe-link"),
    0, 0, 0)
  P("mknod-device", none, SYS_mknodat, fd, text(0, "/tmp/.probe-dev"), 0020600, 0x0101, 0, 0)
  P("chmod-etc-hostname", none, SYS_fchmodat, fd, text(0, "/etc/hostname"), 0644, 0, 0, 0)
  if (writable) {
    char path[200];
    snprintf(path, sizeof path, "%s/.probe-sandbox", writable);
    P("create-in-state", close_it, SYS_openat, fd, text(0, path), O_WRONLY | O_CREAT, 0700, 0, 0)
    P("execute-from-state", none, SYS_execve, text(0, path), 0, 0, 0, 0, 0)
    P("unlink-in-state", none, SYS_unlinkat, fd, text(0, path), 0, 0, 0, 0)
    P("symlink-in-state", none, SYS_symlinkat, text(1, "/etc/shadow"), fd, text(0, path), 0, 0, 0)
    P("pipe-in-state", none, SYS_mknodat, fd, text(0, path), 0010600, 0, 0, 0)
  }
  // Memory that is written and run.
  P("map-writable-executable", unmap_it, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) {
    int dead;
    long page =
        call(&dead, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!dead && page > 0) {
      P("make-page-executable", none, SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC, 0, 0, 0)
      call(&dead, SYS_munmap, page, 4096, 0, 0, 0, 0);
    }
  }
  P("memfd-create", close_it, SYS_memfd_create, text(0, "x"), 0, 0, 0, 0, 0)
  P("personality", none, SYS_personality, 0x0040000, 0, 0, 0, 0, 0)
  // Other processes.
  P("ptrace-init", none, SYS_ptrace, PTRACE_SEIZE, 1, 0, 0, 0, 0)
  P("process-vm-readv", none, SYS_process_vm_readv, getpid(), 0, 0, 0, 0, 0)
  P("signal-another", none, SYS_kill, getpid(), 0, 0, 0, 0, 0)
  P("pidfd-open", close_it, SYS_pidfd_open, getpid(), 0, 0, 0, 0, 0)
  P("clone3", none, SYS_clone3, 0, 0, 0, 0, 0, 0)
  P("chroot", none, SYS_chroot, text(0, "/"), 0, 0, 0, 0, 0)
  P("mount", none, SYS_mount, text(0, "none"), text(1, "/.no-such-directory"), text(2, "tmpfs"), 0,
    0, 0)
  P("umount", none, SYS_umount2, text(0, "/.no-such-mount"), 0, 0, 0, 0, 0)
  // Identity.
  P("setuid-0", none, SYS_setuid, 0, 0, 0, 0, 0, 0)
  P("setgroups", none, SYS_setgroups, 0, 0, 0, 0, 0, 0)
  P("set-dumpable", none, SYS_prctl, 4, 1, 0, 0, 0, 0)
  P("add-key", none, SYS_add_key, text(0, "user"), text(1, "k"), text(2, "v"), 1, -3, 0)
  // Kernel.
  P("bpf", none, SYS_bpf, 0, 0, 0, 0, 0, 0)
  P("perf-event-open", none, SYS_perf_event_open, 0, 0, -1, -1, 0, 0)
  P("userfaultfd", close_it, SYS_userfaultfd, 1, 0, 0, 0, 0, 0)
  P("io-uring-setup", none, SYS_io_uring_setup, 0, 0, 0, 0, 0, 0)
  P("init-module", none, SYS_init_module, 0, 0, 0, 0, 0, 0)
  P("kexec-load", none, SYS_kexec_load, 0, 0, 0, 1, 0, 0)
  P("reboot-bad-magic", none, SYS_reboot, 0, 0, 0, 0, 0, 0)
  P("swapon", none, SYS_swapon, text(0, "/.no-such-file"), 0, 0, 0, 0, 0)
  P("sethostname", none, SYS_sethostname, text(0, "x"), 9999, 0, 0, 0, 0)
  P("clock-settime", none, SYS_clock_settime, 99, 0, 0, 0, 0, 0)
  P("syslog", none, SYS_syslog, 10, 0, 0, 0, 0, 0)
  P("open-by-handle", none, SYS_open_by_handle_at, -1, 0, 0, 0, 0, 0)
  P("vmsplice", none, SYS_vmsplice, -1, 0, 0, 0, 0, 0)
  P("modify-ldt", none, SYS_modify_ldt, 0, 0, 0, 0, 0, 0)
  // Network.
  P("socket-packet", close_it, SYS_socket, AF_PACKET, SOCK_RAW, 0, 0, 0, 0)
  P("socket-raw", close_it, SYS_socket, AF_INET, SOCK_RAW, 1, 0, 0, 0)
  P("socket-netlink", close_it, SYS_socket, AF_NETLINK, SOCK_RAW, 0, 0, 0, 0)
  P("socket-vsock", close_it, SYS_socket, 40, SOCK_STREAM, 0, 0, 0, 0)
  P("socket-alg", close_it, SYS_socket, 38, SOCK_SEQPACKET, 0, 0, 0, 0)
  P("socket-inet", close_it, SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0) {
    int dead;
    long s = call(&dead, SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
    unsigned char any23[16] = {2, 0, 0, 23};  // port 23, a privileged one that is not ours
    if (!dead && s >= 0) {
      put(scratch, any23, 16);
      P("bind-port-23", none, SYS_bind, s, scratch, 16, 0, 0, 0)
      call(&dead, SYS_close, s, 0, 0, 0, 0, 0);
      s = call(&dead, SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
      unsigned char high[16] = {2, 0, 0x71, 0x48, 127, 0, 0, 1};  // 127.0.0.1:29000
      put(scratch, high, 16);
      P("bind-unconfigured-port", none, SYS_bind, s, scratch, 16, 0, 0, 0)
      P("listen-on-it", none, SYS_listen, s, 1, 0, 0, 0, 0)
      call(&dead, SYS_close, s, 0, 0, 0, 0, 0);
    }
  }
  // Last, because they change or end the process when they succeed, or are answered by its death.
  P("fork", reap_it, SYS_clone, SIGCHLD, 0, 0, 0, 0, 0)
  P("new-mount-namespace", none, SYS_unshare, CLONE_NEWNS, 0, 0, 0, 0, 0)
  P("new-user-namespace", none, SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0, 0)
  P("x32-getpid", none, 0x40000000L + SYS_getpid, 0, 0, 0, 0, 0, 0)
  P("execve", none, SYS_execve, text(0, "/bin/true"), 0, 0, 0, 0, 0)
  execed = 1;
out:
  if (rc == 0 && execed) {
    // Where execve succeeded there is nothing to put back; where it was refused the thread goes on
    // as before.
    char comm[32] = "", path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", target);
    FILE* f = fopen(path, "r");
    if (f) {
      if (fgets(comm, sizeof comm, f)) execed = !strncmp(comm, "true", 4);
      fclose(f);
    }
  }
  if (rc == 0 && !execed) {
    put(scratch, keep, sizeof keep);
    ptrace(PTRACE_SETREGS, target, 0, &saved);
    ptrace(PTRACE_DETACH, target, 0, 0);
  }
  if (own) kill(own, SIGKILL);
  unlink("/tmp/.probe-sandbox");
  unlink("/tmp/.probe-link");
  unlink("/tmp/.probe-dev");
  unlink("/etc/.probe-sandbox");
  unlink("/usr/bin/.probe-sandbox");
  return rc;
}
