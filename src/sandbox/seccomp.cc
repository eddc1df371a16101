#include "sandbox/seccomp.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace postern::sandbox {

namespace {

/// All that the gateway, glibc and the libraries call; names that an architecture lacks are left
/// out. In groups: files, memory, threads and time, sockets and waiting, who we are.
constexpr const char* allowed[] = {
    // clang-format off
    "access", "chmod", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2",
    "fadvise64", "fallocate", "fchmod", "fchmodat", "fchmodat2", "fchown", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock",
    "fstat", "fstatfs", "fsync", "ftruncate", "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch",
    "inotify_init1", "inotify_rm_watch", "lgetxattr", "link", "linkat", "lseek", "lstat", "mkdir", "mkdirat", "newfstatat",
    "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
    "readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir", "sendfile", "stat", "statfs", "statx", "symlink", "symlinkat",
    "sync_file_range", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
    "brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mremap", "msync", "munlock", "munmap",
    "clock_getres", "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex", "futex_waitv", "get_robust_list",
    "getcpu", "getitimer", "getpriority", "gettimeofday", "nanosleep", "restart_syscall", "rseq", "rt_sigaction",
    "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min", "sched_setscheduler", "sched_yield", "set_robust_list",
    "setitimer", "sigaltstack", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
    "timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
    "accept", "accept4", "bind", "connect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "eventfd", "eventfd2", "getpeername", "getsockname", "getsockopt", "listen", "pipe", "pipe2", "poll", "ppoll",
    "pselect6", "recvfrom", "recvmmsg", "recvmsg", "select", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid", "getrandom", "getresgid",
    "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "sysinfo", "uname",
    // clang-format on
};

/// What is refused where programs may be started: what changes the system, looks into other
/// processes, or is a wide way into the kernel.
constexpr const char* refused[] = {
    // clang-format off
    "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime", "create_module", "delete_module",
    "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter",
    "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
    "memfd_create", "memfd_secret", "mknod", "mknodat", "modify_ldt", "mount", "mount_setattr", "move_mount", "move_pages",
    "name_to_handle_at", "nfsservctl", "open_by_handle_at", "open_tree", "perf_event_open", "personality", "pidfd_getfd",
    "pivot_root", "process_madvise", "process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl",
    "quotactl_fd", "reboot", "request_key", "setdomainname", "setfsgid", "setfsuid", "sethostname", "setns", "settimeofday", "swapoff",
    "swapon", "syslog", "umount", "umount2", "unshare", "userfaultfd", "vhangup", "vmsplice",
    // clang-format on
};

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {}

  void rule(std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> when = {}) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || error_ != 0 || !context_) return;
    error_ = seccomp_rule_add_array(context_.get(), action, number,
                                    static_cast<unsigned>(when.size()), std::data(when));
    if (error_ != 0) at_ = name;
  }
  void attribute(scmp_filter_attr which, std::uint32_t value) {
    if (error_ != 0 || !context_) return;
    error_ = seccomp_attr_set(context_.get(), which, value);
    if (error_ != 0) at_ = "an attribute";
  }
  Result<void> load() {
    if (!context_) return fail(Fault::permanent, "seccomp: no memory");
    if (error_ == 0) {
      error_ = seccomp_load(context_.get());
      at_ = "loading the filter";
    }
    if (error_ == 0) return {};
    const bool absent = error_ == -EINVAL || error_ == -ENOSYS || error_ == -EOPNOTSUPP;
    return fail(absent ? Fault::not_found : Fault::permanent,
                fmt::format("seccomp, {}: {}", at_, std::strerror(-error_)));
  }

 private:
  struct Release {
    void operator()(void* context) const { seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context_;
  int error_ = 0;
  std::string_view at_;
};

/// A call that makes sockets of these families; raw ones are of other types.
void allow_family(Filter& filter, const char* call, std::initializer_list<int> families) {
  for (const int family : families) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      filter.rule(SCMP_ACT_ALLOW, call,
                  {SCMP_A0_64(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)),
                   SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xf, static_cast<scmp_datum_t>(type))});
    }
  }
}

void allow_sockets(Filter& filter) {
  allow_family(filter, "socket", {AF_UNIX, AF_INET, AF_INET6});
  // getifaddrs(3) asks for the machine's addresses when routes are read again.
  filter.rule(SCMP_ACT_ALLOW, "socket",
              {SCMP_A0_64(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2_64(SCMP_CMP_EQ, 0)});
}

void refuse_sockets(Filter& filter) {
  const auto no = SCMP_ACT_ERRNO(EPERM);
  filter.rule(no, "socket", {SCMP_A0_64(SCMP_CMP_GT, AF_NETLINK)});
  filter.rule(no, "socket",
              {SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW), SCMP_A0_64(SCMP_CMP_NE, AF_NETLINK)});
}

/// Written memory is never run. Libraries that are loaded later (character sets, name services) are
/// files that are mapped, and are not writable.
void allow_memory(Filter& filter) {
  constexpr scmp_datum_t run = PROT_EXEC;
  filter.rule(SCMP_ACT_ALLOW, "mmap", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, run, 0)});
  filter.rule(SCMP_ACT_ALLOW, "mmap",
              {SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
               SCMP_A3_64(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0)});
  filter.rule(SCMP_ACT_ALLOW, "mprotect", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, run, 0)});
}

/// Landlock only ever takes away. Passwords are read from a terminal without echo.
void allow_landlock(Filter& filter) {
  for (const char* call :
       {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}) {
    filter.rule(SCMP_ACT_ALLOW, call);
  }
  filter.rule(SCMP_ACT_ALLOW, "prctl", {SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS)});
  filter.rule(SCMP_ACT_ALLOW, "ioctl", {SCMP_A1_32(SCMP_CMP_EQ, TCSETSF)});
}

/// The calls of seteuid(3), setegid(3) and their like.
void allow_users(Filter& filter) {
  for (const char* call : {"setgroups", "setresgid", "setresuid", "capget", "capset"}) {
    filter.rule(SCMP_ACT_ALLOW, call);
  }
}

void allow_what_is_needed(Filter& filter, const Calls& calls) {
  for (const char* name : allowed) filter.rule(SCMP_ACT_ALLOW, name);
  allow_family(filter, "socketpair", {AF_UNIX});  // it reaches nobody
  if (calls.network) allow_sockets(filter);
  if (calls.files_later) allow_landlock(filter);
  if (calls.users) allow_users(filter);
  allow_memory(filter);
  // Threads, but no processes. clone3 has its flags in memory, which no filter reads; without it
  // glibc uses clone.
  filter.rule(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  filter.rule(SCMP_ACT_ALLOW, "clone",
              {SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
  for (const unsigned long request : {FIONBIO, FIONREAD, FIOCLEX, TCGETS, TIOCGWINSZ}) {
    filter.rule(SCMP_ACT_ALLOW, "ioctl", {SCMP_A1_32(SCMP_CMP_EQ, request)});
  }
  for (const int option : {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_VMA}) {
    filter.rule(SCMP_ACT_ALLOW, "prctl",
                {SCMP_A0_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(option))});
  }
  filter.rule(SCMP_ACT_ALLOW, "prlimit64", {SCMP_A0_64(SCMP_CMP_EQ, 0)});
  const auto own = static_cast<scmp_datum_t>(::getpid());
  for (const char* call : {"kill", "tgkill", "rt_tgsigqueueinfo"}) {
    filter.rule(SCMP_ACT_ALLOW, call, {SCMP_A0_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(own))});
  }
}

void refuse_what_is_not(Filter& filter) {
  for (const char* name : refused) filter.rule(SCMP_ACT_ERRNO(EPERM), name);
  refuse_sockets(filter);
}

}  // namespace

Result<void> filter_calls(const Calls& calls) {
  Filter filter(calls.programs ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
  filter.attribute(SCMP_FLTATR_CTL_TSYNC, 1);
  filter.attribute(SCMP_FLTATR_CTL_NNP, 1);
  filter.attribute(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A binary tree: the order of the rules costs nothing.
  filter.attribute(SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (calls.programs) {
    refuse_what_is_not(filter);
  } else {
    allow_what_is_needed(filter, calls);
  }
  return filter.load();
}

}  // namespace postern::sandbox
