// Name servers for tests, as child processes on the loopback.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/temporary_folder_test.h"

namespace postern::net {

/// The whole path of a file below tests/, wherever a test runs.
inline std::string file_of_tests(const std::string& name) {
  std::filesystem::path at = std::filesystem::canonical("/proc/self/exe").parent_path();
  while (!std::filesystem::exists(at / "tests" / name) && at != at.parent_path())
    at = at.parent_path();
  return (at / "tests" / name).string();
}

class DnsServerProcess {
 public:
  DnsServerProcess() = default;
  DnsServerProcess(const DnsServerProcess&) = delete;
  DnsServerProcess& operator=(const DnsServerProcess&) = delete;
  ~DnsServerProcess() {
    if (child_ <= 0) return;
    ::kill(child_, SIGTERM);
    ::waitpid(child_, nullptr, 0);
  }
  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 protected:
  /// With its standard output and error in `out`, unless that is negative.
  void run(std::vector<std::string> command, int out) {
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    child_ = ::fork();
    if (child_ != 0) return;
    if (out >= 0) ::dup2(out, STDOUT_FILENO);
    ::execvp(words.front(), words.data());
    ::_exit(127);
  }

  tests::TemporaryFolder folder_;
  pid_t child_ = 0;
  int port_ = 0;
};

/// The suites' DNS stub, which knows nothing of DNSSEC. `port` 0: a free one.
class StubServer final : public DnsServerProcess {
 public:
  explicit StubServer(std::string_view zone, int port = 0) {
    const std::string file = folder_.write("zone.json", std::string(zone));
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    run({"python3", file_of_tests("suites/dns_stub.py"), file, "--port", std::to_string(port)},
        ends[1]);
    ::close(ends[1]);
    std::FILE* out = ::fdopen(ends[0], "r");
    EXPECT_EQ(std::fscanf(out, "%d", &port_), 1);
    std::fclose(out);
  }
};

/// unbound with the signed root of tests/dnssec/, which validates and passes signatures.
class SigningServer final : public DnsServerProcess {
 public:
  static constexpr const char* program = "/usr/sbin/unbound";
  static bool is_there() { return std::filesystem::exists(program); }
  static std::string anchor() { return file_of_tests("dnssec/anchor.key"); }

  enum class Passes { all, no_absence };  ///< no_absence: signatures, but no NSEC records

  explicit SigningServer(int port = 0, Passes passes = Passes::all) {
    port_ = port != 0 ? port : free_port();
    std::string text = fmt::format(R"(server:
  interface: 127.0.0.1@{}
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  verbosity: 0
  directory: "{}"
  trust-anchor-file: "{}"
  module-config: "{}"
remote-control:
  control-enable: no
)",
                                   port_, folder_.path(), anchor(),
                                   passes == Passes::all ? "validator iterator" : "iterator");
    for (const auto& [name, zone] : {std::pair(".", "dnssec/root.zone.signed"),
                                     std::pair("plain.example.", "dnssec/plain.zone")})
      text += fmt::format(
          "auth-zone:\n  name: \"{}\"\n  zonefile: \"{}\"\n  for-downstream: no\n"
          "  for-upstream: yes\n",
          name, zone_file(zone, passes));
    run({program, "-d", "-c", folder_.write("unbound.conf", text)}, -1);
    EXPECT_TRUE(listens()) << address();
  }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  std::string zone_file(const std::string& name, Passes passes) {
    const std::string whole = file_of_tests(name);
    if (passes == Passes::all) return whole;
    std::istringstream lines(tests::read_file(whole));
    std::string left;
    for (std::string line; std::getline(lines, line);)
      if (line.find("\tNSEC") == std::string::npos) left += line + "\n";
    return folder_.write(std::filesystem::path(name).filename().string(), left);
  }
  static int free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length), 0);
    ::close(socket);
    return ntohs(address.sin_port);
  }
  bool listens() const {
    for (int round = 0; round < 500; ++round) {
      const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = loopback(port_);
      const int there =
          ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      ::close(socket);
      if (there == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
};

}  // namespace postern::net
