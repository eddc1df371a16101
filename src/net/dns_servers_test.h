// DNS servers for tests: child processes on the loopback.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/temporary_folder_test.h"

namespace postern::net {

/// The absolute path of a file below tests/, independent of the working directory.
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
  /// Starts a command that prints its port on the first line.
  void run(std::vector<std::string> command) {
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execvp(words.front(), words.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    std::FILE* out = ::fdopen(ends[0], "r");
    EXPECT_EQ(std::fscanf(out, "%d", &port_), 1);
    std::fclose(out);
  }

 private:
  pid_t child_ = 0;
  int port_ = 0;
};

/// The DNS stub of the suites, without DNSSEC.
class StubServer final : public DnsServerProcess {
 public:
  explicit StubServer(std::string_view zone) {
    run({"python3", file_of_tests("suites/dns_stub.py"),
         folder_.write("zone.json", std::string(zone))});
  }

 private:
  tests::TemporaryFolder folder_;
};

/// The signed root of tests/dnssec/, served by a validating server that passes signatures.
class SigningServer final : public DnsServerProcess {
 public:
  /// no_absence: signatures but no NSEC records; unsigned_only: no DNSSEC records; forged: invalid
  /// signatures.
  enum class Passes { all, no_absence, unsigned_only, forged };

  explicit SigningServer(Passes what = Passes::all) {
    pass(what);
    run({"python3", file_of_tests("dnssec/serve.py"), "--passes", folder_.file("passes")});
  }
  /// Applies from the next query on.
  void pass(Passes what) {
    constexpr const char* words[] = {"all", "no-absence", "unsigned", "forged"};
    std::filesystem::rename(folder_.write("next", words[static_cast<int>(what)]),
                            folder_.file("passes"));
  }
  static std::string anchor() { return file_of_tests("dnssec/anchor.key"); }

 private:
  tests::TemporaryFolder folder_;
};

}  // namespace postern::net
