#include "sandbox/every_thread.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

namespace postern::sandbox {

namespace {

/// The signal of glibc's setuid(), which the gateway never calls with threads. pthread_sigmask()
/// cannot block it, so that threads of libraries that block all signals receive it, too.
constexpr int signal_of_all = 33;
constexpr std::chrono::seconds patience{2};

/// The kernel's struct sigaction (rt_sigaction(2)); glibc's function refuses signal_of_all.
struct Action {
  void* handler = nullptr;
  unsigned long flags = 0;
  void* restorer = nullptr;
  unsigned long mask = 0;
};

std::atomic<int (*)(int)> work_to_do{nullptr};
std::atomic<int> its_argument{0};
std::atomic<int> first_error{0};
std::atomic<unsigned> answered{0};

void take_part(int) {
  const int kept = errno;
  const int error = work_to_do.load()(its_argument.load());
  int none = 0;
  if (error != 0) first_error.compare_exchange_strong(none, error);
  answered.fetch_add(1);
  errno = kept;
}

Result<Action> exchange(int signal, const Action* now) {
  Action before;
  if (::syscall(SYS_rt_sigaction, signal, now, &before, sizeof before.mask) != 0) {
    return fail(Fault::permanent, fmt::format("rt_sigaction: {}", std::strerror(errno)));
  }
  return before;
}

/// A handler as glibc installs it, with its way back from the handler.
Result<Action> action_of_ours() {
  struct sigaction wanted{};
  struct sigaction before{};
  wanted.sa_handler = take_part;
  wanted.sa_flags = SA_RESTART;
  sigfillset(&wanted.sa_mask);
  if (::sigaction(SIGURG, &wanted, &before) != 0) {
    return fail(Fault::permanent, fmt::format("sigaction: {}", std::strerror(errno)));
  }
  auto ours = exchange(SIGURG, nullptr);
  ::sigaction(SIGURG, &before, nullptr);
  return ours;
}

bool exists(pid_t thread) {
  std::error_code ignored;
  return std::filesystem::exists(fmt::format("/proc/self/task/{}", thread), ignored);
}

Result<void> ask(pid_t thread) {
  const unsigned before = answered.load();
  if (::syscall(SYS_tgkill, ::getpid(), thread, signal_of_all) != 0) {
    if (errno == ESRCH) return {};
    return fail(Fault::permanent, fmt::format("tgkill: {}", std::strerror(errno)));
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (answered.load() == before) {
    if (!exists(thread)) return {};
    if (std::chrono::steady_clock::now() > until) {
      return fail(Fault::permanent, fmt::format("thread {} does not answer", thread));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return {};
}

Result<void> ask_all() {
  std::set<pid_t> asked{static_cast<pid_t>(::syscall(SYS_gettid))};
  for (bool found = true; found;) {
    found = false;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
      const pid_t thread = std::stoi(entry.path().filename().string());
      if (!asked.insert(thread).second) continue;
      found = true;
      if (const Result<void> done = ask(thread); !done) return done;
    }
    if (error) return fail(Fault::permanent, "/proc/self/task: " + error.message());
  }
  return {};
}

}  // namespace

Result<void> on_every_thread(int (*work)(int), int argument) {
  work_to_do = work;
  its_argument = argument;
  first_error = 0;
  if (const int error = work(argument); error != 0) {
    return fail(Fault::permanent, std::strerror(error));
  }
  const auto ours = action_of_ours();
  if (!ours) return tl::unexpected(ours.error());
  const auto before = exchange(signal_of_all, &*ours);
  if (!before) return tl::unexpected(before.error());
  const Result<void> done = ask_all();
  // A thread that did not answer may still run the handler: it stays.
  if (!done) return done;
  (void)exchange(signal_of_all, &*before);
  if (const int error = first_error.load(); error != 0) {
    return fail(Fault::permanent, std::strerror(error));
  }
  return {};
}

}  // namespace postern::sandbox
