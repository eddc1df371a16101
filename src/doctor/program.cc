#include "doctor/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>

#include <fmt/format.h>

#include "base/descriptor.h"

namespace postern::doctor {

namespace {

constexpr std::size_t longest_output = std::size_t{64} << 10;
constexpr std::chrono::seconds patience{10};

/// Starts it with its output in `into`; an error of errno(3), 0: it runs.
int start(const std::string& path, const std::vector<std::string>& words, int into, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  if (const int error = ::posix_spawn_file_actions_init(&actions); error != 0) return error;
  int error = ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions, into, 1);
  if (error == 0) {
    error = ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  }
  if (error == 0) error = ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::string language = "LC_ALL=C";
  char* environment[] = {language.data(), nullptr};
  if (error == 0) {
    error = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments.data(), environment);
  }
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// Reads to the end; false: too much, or too late.
bool read_all(int fd, std::string& text) {
  const auto end = std::chrono::steady_clock::now() + patience;
  char buffer[4096];
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) return false;
    const ssize_t octets = ::read(fd, buffer, sizeof buffer);
    if (octets == 0) return true;
    if (octets < 0 && errno != EINTR) return false;
    if (octets > 0) text.append(buffer, static_cast<std::size_t>(octets));
    if (text.size() > longest_output) return false;
  }
}

}  // namespace

Result<std::string> run_program(const std::vector<std::string>& words) {
  const std::string& name = words.front();
  std::string path;
  for (const std::string folder : {"/usr/bin/", "/bin/"}) {
    if (path.empty() && ::access((folder + name).c_str(), X_OK) == 0) path = folder + name;
  }
  if (path.empty()) return fail(Fault::not_found, "there is no program " + name);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail(Fault::permanent, std::generic_category().message(errno));
  }
  Descriptor from(ends[0]);
  Descriptor into(ends[1]);
  pid_t pid = -1;
  const int error = start(path, words, into.get(), pid);
  into.close();
  std::string text;
  const bool whole = error == 0 && read_all(from.get(), text);
  from.close();
  if (error != 0) return fail(Fault::permanent, std::generic_category().message(error));
  if (!whole) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!whole) return fail(Fault::permanent, name + " takes too long, or says too much");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  return fail(Fault::permanent, name + " failed");
}

}  // namespace postern::doctor
