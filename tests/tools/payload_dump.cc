// payload_dump OUT FILE...: writes OUT/NAME.json, the payload of each message, for
// tests/suites/messages/check_payload.py and for looking at. Prints time and peak memory with -v.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/payload.h"

namespace {

using namespace postern;

policy::Evidence evidence() {
  policy::Evidence evidence;
  evidence.session.client_ip = IpAddress::v4(0xC0000219);
  evidence.session.helo = "client.example";
  evidence.session.esmtp = true;
  evidence.reverse_path = mail::Mailbox{"sender", "client.example"};
  policy::Recipient recipient;
  recipient.address = mail::Mailbox{"inbox", "hooks.example.net"};
  evidence.recipients.push_back(recipient);
  return evidence;
}

bool dump(const std::string& path, const std::string& out, bool verbose) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0) return false;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (address == MAP_FAILED) return false;
  const auto start = std::chrono::steady_clock::now();
  deliver::MessageIdentity identity{"msg_01HX0000000000000000000000",
                                    "wh_01HX0000000000000000000000",
                                    std::chrono::system_clock::now(), false};
  Result<deliver::Payload> payload =
      deliver::build_payload({static_cast<const char*>(address), size}, evidence(), identity, {});
  if (!payload) {
    fmt::print(stderr, "{}: {}\n", path, payload.error().message);
    return false;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const Result<std::string_view> json = payload->body.view();
  if (!json) return false;
  const std::string name = path.substr(path.rfind('/') + 1);
  std::ofstream(out + "/" + name + ".json", std::ios::binary) << *json;
  if (verbose) {
    struct rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print("{:32} {:9} octets {:8.3f} s, peak {:6} KiB {} {}\n", name, size, seconds.count(),
               usage.ru_maxrss, payload->ambiguous ? "ambiguous" : "", payload->parse_error);
  }
  if (address != nullptr) ::munmap(address, size);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool verbose = !arguments.empty() && arguments[0] == "-v";
  if (verbose) arguments.erase(arguments.begin());
  if (arguments.size() < 2) {
    fmt::print(stderr, "usage: payload_dump [-v] OUT FILE...\n");
    return 2;
  }
  bool good = true;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    good = dump(arguments[i], arguments[0], verbose) && good;
  }
  return good ? 0 : 1;
}
