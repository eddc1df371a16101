// `service N cmd`: a program on this machine. It gets arguments and answers by its exit code.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/simulation.h"
#include "base/text.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/service_options.h"
#include "policy/inquiry.h"
#include "script/state.h"

namespace postern::dialect::vsl {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using script::Clock;
using script::demand;

namespace {

constexpr std::string_view search_path = "/usr/local/bin:/usr/bin:/bin";
/// The maximum number of commands of all scripts that run at the same time.
constexpr int most_children = 200;
std::atomic<int> children{0};

/// Owns the file actions and attributes for posix_spawn().
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    const int nothing = posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    const int discarded = posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
    const int both = posix_spawn_file_actions_adddup2(&actions_, 1, 2);
    const int closed = posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    const int root = posix_spawn_file_actions_addchdir_np(&actions_, "/");
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    // A new session is a new process group, so that a timeout kills all its processes.
    const int flags = posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ready_ = (nothing | discarded | both | closed | root | flags) == 0;
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  pid_t spawn(const std::string& path, const std::vector<std::string>& arguments) {
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (const std::string& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    std::string path_variable = "PATH=" + std::string(search_path);
    char* environment[] = {path_variable.data(), nullptr};
    pid_t pid = -1;
    const int code =
        ready_ ? posix_spawn(&pid, path.c_str(), &actions_, &attributes_, argv.data(), environment)
               : ENOMEM;
    demand(code == 0, "command '" + printable(path, 200) +
                          "' cannot be run: " + std::generic_category().message(code));
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  bool ready_ = false;
};

/// A running command. The destructor kills its process group and reaps it.
class Child {
 public:
  Child(const std::string& path, const std::vector<std::string>& arguments) {
    const Place place;
    pid_ = SpawnPlan().spawn(path, arguments);
    place.keep();
  }
  ~Child() {
    if (!reaped_) {
      kill_group();
      reap();
    }
    --children;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  /// Does nothing after reap(), because another group may then have this number.
  void kill_group() const {
    if (!reaped_) ::kill(-pid_, SIGKILL);
  }
  /// Waits for the end of the process and returns its wait status.
  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    return status;
  }

 private:
  /// Takes one of the `most_children` places; throws if all are taken.
  class Place {
   public:
    Place() {
      if (++children <= most_children) return;
      --children;
      throw std::runtime_error("too many commands run at the moment");
    }
    ~Place() {
      if (!kept_) --children;
    }
    void keep() const { kept_ = true; }

   private:
    mutable bool kept_ = false;
  };

  pid_t pid_ = -1;
  bool reaped_ = false;
};

/// Runs a command and waits for its end without blocking a thread; kills it at `deadline`.
Task<int> exit_status_of(std::string path, std::vector<std::string> arguments,
                         Clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  const auto child = std::make_shared<Child>(path, arguments);
  // glibc 2.36 declares pidfd_open() only for C.
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, child->pid(), 0));
  demand(fd >= 0, "command '" + printable(path, 200) +
                      "' cannot be waited for: " + std::generic_category().message(errno));
  asio::posix::stream_descriptor end(executor, fd);
  asio::steady_timer timer(executor, deadline);
  timer.async_wait([kept = std::weak_ptr(child)](boost::system::error_code cancelled) {
    const auto running = kept.lock();
    if (!cancelled && running) running->kill_group();
  });
  boost::system::error_code failed;
  co_await end.async_wait(asio::posix::stream_descriptor::wait_read,
                          asio::redirect_error(asio::use_awaitable, failed));
  timer.cancel();
  demand(!failed, "command '" + printable(path, 200) + "' cannot be waited for");
  co_return child->reap();
}

std::string joined_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// In a simulation nothing runs: the wait status of an exit code that was given for the program.
Task<int> given_status(script::Call& call, std::string path, std::string arguments) {
  policy::Inquiry& inquiry = rule_of(call).inquiry;
  policy::Consultation question{.service = std::string(program_service) + path,
                                .request = std::move(arguments),
                                .answer = {}};
  const auto given = [&] {
    return inquiry.evidence.consulted.find(question.service, question.request, true);
  };
  if (given() == nullptr) co_await inquiry.consult(question);
  const policy::Consultation* answer = given();
  if (answer == nullptr || answer->failed) call.demand_real("run " + printable(path, 200));
  const auto code = parse_number(answer->answer);
  demand(code && *code < 256, fmt::format("the answer '{}' for command '{}' is no exit code",
                                          printable(answer->answer, 60), printable(path, 200)));
  co_return static_cast<int>(*code) << 8;  // WEXITSTATUS
}

class CmdService final : public Service {
 public:
  struct Options {
    std::string command;
    std::vector<std::string> arguments;
    std::chrono::milliseconds timeout;
    std::vector<std::string> as;  ///< the program and arguments that change the user; may be empty
  };
  CmdService(std::string name, Options options)
      : Service(std::move(name)), options_(std::move(options)) {}
  std::string_view kind() const override { return "cmd"; }

 private:
  Task<Value> run(script::Call& call, const ServiceMethod& /*method*/,
                  std::vector<Value> given) override {
    std::vector<std::string> arguments = options_.arguments;
    if (!given.empty()) arguments = arguments_of(given.front());
    for (const std::string& one : arguments) {
      demand(one.find('\0') == std::string::npos, "an argument of a command cannot hold a NUL");
    }
    auto allowed = allowed_program(options_.command, rule_of(call).site.allowed_commands);
    demand(allowed.has_value(), allowed ? "" : allowed.error());
    std::string path = std::move(*allowed);
    if (call.world().simulates()) {
      co_return result_of(co_await given_status(call, std::move(path), joined_words(arguments)));
    }
    if (!options_.as.empty()) {
      arguments.insert(arguments.begin(), path);
      arguments.insert(arguments.begin(), options_.as.begin() + 1, options_.as.end());
      path = options_.as.front();
    }
    const auto own_end = Clock::now() + options_.timeout;
    const int status =
        co_await exit_status_of(path, std::move(arguments), std::min(own_end, call.deadline()));
    demand(own_end <= call.deadline() || Clock::now() < call.deadline(),
           "command '" + printable(options_.command, 100) + "': the time of the rule is up");
    co_return result_of(status);
  }

  static Value result_of(int status) {
    const bool exited = WIFEXITED(status);
    Value::Map result;
    result["has_code"] = exited;
    result["code"] = exited ? Value(std::int64_t{WEXITSTATUS(status)}) : Value();
    result["has_signal"] = !exited;
    result["signal"] = exited ? Value() : Value(std::int64_t{WTERMSIG(status)});
    return Value(std::move(result));
  }

  static std::vector<std::string> arguments_of(const Value& value) {
    const auto* array = std::get_if<Value::Array>(&value.is);
    demand(array != nullptr, "the arguments of a command are an array");
    std::vector<std::string> arguments;
    for (const Value& one : *array) arguments.push_back(argument_text(one, "an argument"));
    return arguments;
  }

  const Options options_;
};

/// The name of the user or group that the gateway runs as, or its number if it has no name.
std::string own_user() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}
std::string own_group() {
  const group* entry = ::getgrgid(::getegid());
  return entry != nullptr ? entry->gr_name : std::to_string(::getegid());
}

/// util-linux's, on every Debian: it becomes another user and then runs the program.
constexpr const char* changes_user = "/usr/bin/setpriv";

/// The arguments that make a command run as the user and group of the options; empty: as the
/// gateway does. Only root may become somebody else. In a replay nothing is run.
std::vector<std::string> as_user(const script::Call& call, ServiceOptions& options) {
  const auto user = options.optional_text("user");
  const auto group = options.optional_text("group");
  const bool same_user = !user || *user == own_user();
  const bool same_group = !group || *group == own_group();
  if ((same_user && same_group) || call.state().files().given) return {};
  const auto refuse = [&](const std::string& what) {
    options.wrong(same_user ? "group" : "user", what);
  };
  const passwd* entry = user ? ::getpwnam(user->c_str()) : nullptr;
  const struct group* members = group ? ::getgrnam(group->c_str()) : nullptr;
  if (user && entry == nullptr)
    options.wrong("user", "is no user of this machine: create it, or leave `user` out");
  if (group && members == nullptr) options.wrong("group", "is no group of this machine");
  if (::geteuid() != 0) {
    refuse(
        fmt::format("must be left out or '{}': the gateway is not root and may become nobody "
                    "else; what needs another user can be run by `sudo` as the command",
                    same_user ? own_group() : own_user()));
  }
  if (!is_program(changes_user)) refuse(fmt::format("needs {}", changes_user));
  std::vector<std::string> as{changes_user, "--no-new-privs"};
  if (user) as.push_back(fmt::format("--reuid={}", entry->pw_uid));
  const gid_t id = members != nullptr ? members->gr_gid : entry->pw_gid;
  as.push_back(fmt::format("--regid={}", id));
  as.emplace_back(user ? "--init-groups" : "--clear-groups");
  as.emplace_back("--");
  return as;
}

}  // namespace

bool is_program(const std::string& path) {
  std::error_code none;
  return fs::is_regular_file(path, none) && ::access(path.c_str(), X_OK) == 0;
}

tl::expected<std::string, std::string> allowed_program(const std::string& command,
                                                       const std::vector<std::string>& allowed) {
  const std::string shown = "command '" + printable(command, 100) + "'";
  for (const std::string& entry : allowed) {
    const bool is_path = entry.starts_with('/');
    const bool same = entry == command || (is_path && fs::path(entry).filename() == command);
    if (!same) continue;
    if (is_path) return entry;
    for (const std::string_view folder : split(search_path, ':')) {
      std::string path = std::string(folder) + "/" + entry;
      if (is_program(path)) return path;
    }
    return tl::unexpected(shown + " is in none of " + std::string(search_path));
  }
  return tl::unexpected(shown + " is not allowed: `vsl.allow_commands` does not have it");
}

ServicePtr make_cmd_service(script::Call& call, const std::string& name, ServiceOptions options) {
  CmdService::Options read{.command = options.text("command"),
                           .arguments = options.texts("args").value_or(std::vector<std::string>{}),
                           .timeout = options.timeout(),
                           .as = as_user(call, options)};
  options.done();
  return std::make_shared<CmdService>(name, std::move(read));
}

}  // namespace postern::dialect::vsl
