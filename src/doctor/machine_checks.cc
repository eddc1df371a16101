#include "doctor/machine_checks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "base/descriptor.h"
#include "base/ip.h"
#include "base/text.h"
#include "gateway/resources.h"

namespace postern::doctor {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_files = 500;
constexpr int patience_milliseconds = 10'000;

/// False: `errno` says why. Follows links.
bool look_at(const std::string& path, FileFacts& facts) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return false;
  facts = {path, status.st_uid, status.st_mode & 07777u,
           static_cast<std::uint64_t>(status.st_size)};
  return true;
}

void list_files(const fs::path& folder, std::vector<FileFacts>& into) {
  std::error_code bad;
  for (fs::directory_iterator it(folder, bad), end; !bad && it != end; it.increment(bad)) {
    if (into.size() >= most_files) return;
    FileFacts facts;
    if (look_at(it->path().string(), facts)) into.push_back(std::move(facts));
  }
}

std::string mebibytes(std::uint64_t octets) { return fmt::format("{} MiB", octets >> 20); }

/// The length of the address; 0: `ip` is none.
socklen_t fill(const std::string& ip, std::uint16_t port, sockaddr_storage& into) {
  into = {};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&into);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&into);
  if (::inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof *v4;
  }
  if (::inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
  }
  return 0;
}

bool ready(int fd, short event) {
  pollfd waiting{.fd = fd, .events = event, .revents = 0};
  return ::poll(&waiting, 1, patience_milliseconds) == 1;
}

}  // namespace

DirectoryFacts look_at_directory(const std::string& path) {
  DirectoryFacts facts;
  facts.self.path = path;
  if (!look_at(path, facts.self)) {
    facts.trouble = std::strerror(errno);
    return facts;
  }
  std::error_code bad;
  if (!fs::is_directory(path, bad)) {
    facts.trouble = "not a directory";
    return facts;
  }
  list_files(path, facts.files);
  list_files(fs::path(path) / "spool", facts.files);
  return facts;
}

Findings check_data_directory(const DirectoryFacts& facts, std::optional<std::uint32_t> gateway) {
  constexpr std::string_view check = "data-dir";
  const std::string& path = facts.self.path;
  if (!facts.trouble.empty()) {
    return {finding(Level::fail, check, fmt::format("{}: {}", path, facts.trouble),
                    "name the directory with --data-dir DIR or server.data_dir")};
  }
  Findings found;
  if ((facts.self.mode & 077) != 0) {
    found.push_back(
        finding(Level::fail, check,
                fmt::format("{} has mode {:04o}: other users can enter it", path, facts.self.mode),
                fmt::format("chmod 0700 {}", path)));
  }
  const std::uint32_t owner = facts.mapped_owner.value_or(facts.self.owner);
  if (gateway && *gateway != owner) {
    found.push_back(finding(
        Level::fail, check,
        fmt::format("{} belongs to user {}, and the gateway is user {}", path, owner, *gateway),
        fmt::format("chown {} {}", *gateway, path)));
  }
  for (const FileFacts& file : facts.files) {
    if (file.owner == facts.self.owner) continue;
    found.push_back(finding(Level::fail, check,
                            fmt::format("{} belongs to user {}, and the directory to user {}",
                                        file.path, file.owner, facts.self.owner),
                            fmt::format("chown --recursive {} {}", facts.self.owner, path)));
    break;
  }
  if (found.empty()) {
    found.push_back(finding(Level::ok, check, fmt::format("{} is user {}'s alone", path, owner)));
  }
  return found;
}

Findings check_wal(const DirectoryFacts& facts) {
  constexpr std::string_view check = "wal";
  constexpr std::uint64_t most = std::uint64_t{256} << 20;
  Findings found;
  std::uint64_t all = 0;
  for (const FileFacts& file : facts.files) {
    if (!file.path.ends_with("-wal")) continue;
    all += file.size;
    if (file.size < most) continue;
    found.push_back(finding(Level::warn, check,
                            fmt::format("{} has {}", file.path, mebibytes(file.size)),
                            "end programs that read the database; if it does not shrink within an "
                            "hour, restart the gateway"));
  }
  if (found.empty()) {
    found.push_back(
        facts.trouble.empty()
            ? finding(Level::ok, check, fmt::format("the write-ahead logs have {}", mebibytes(all)))
            : finding(Level::note, check, "not looked at: " + facts.trouble));
  }
  return found;
}

DiskFacts look_at_disk(const std::string& path) {
  DiskFacts facts;
  struct statvfs status{};
  if (::statvfs(path.c_str(), &status) != 0) {
    facts.trouble = std::strerror(errno);
    return facts;
  }
  facts.size = std::uint64_t{status.f_blocks} * status.f_frsize;
  facts.free = std::uint64_t{status.f_bavail} * status.f_frsize;
  facts.floor = gateway::Resources::disk_floor(facts.size);
  facts.inodes = status.f_files;
  facts.free_inodes = status.f_favail;
  return facts;
}

Findings check_disk(const DiskFacts& facts) {
  constexpr std::string_view check = "disk";
  constexpr std::uint64_t twentieth = 20;
  if (!facts.trouble.empty()) {
    return {finding(Level::note, check, "not looked at: " + facts.trouble,
                    "postern doctor --check data-dir")};
  }
  Findings found;
  const std::string state =
      fmt::format("{} of {} are free", mebibytes(facts.free), mebibytes(facts.size));
  if (facts.free < facts.floor) {
    found.push_back(
        finding(Level::fail, check,
                fmt::format("{}; below {} mail is deferred", state, mebibytes(facts.floor)),
                "make room, or enlarge the disk"));
  } else if (facts.free / 2 < facts.floor) {
    found.push_back(
        finding(Level::warn, check,
                fmt::format("{}; below {} mail is deferred", state, mebibytes(facts.floor)),
                "make room, or enlarge the disk"));
  }
  if (facts.inodes > 0 && facts.free_inodes < facts.inodes / twentieth) {
    found.push_back(
        finding(facts.free_inodes == 0 ? Level::fail : Level::warn, check,
                fmt::format("{} of {} inodes are free", facts.free_inodes, facts.inodes),
                "remove small files, or make a file system with more inodes"));
  }
  if (found.empty()) found.push_back(finding(Level::ok, check, state));
  return found;
}

std::optional<bool> clock_is_kept() {
  timex state{};
  const int result = ::adjtimex(&state);
  if (result < 0) return std::nullopt;
  return result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

Findings check_clock(std::optional<bool> kept) {
  if (!kept) return {finding(Level::note, "clock", "not looked at: the kernel does not say")};
  if (*kept) return {finding(Level::ok, "clock", "a time service keeps the clock")};
  return {finding(Level::warn, "clock",
                  "no time service keeps the clock: signatures and certificates depend on it",
                  "timedatectl set-ntp true")};
}

Findings check_journal(bool persistent, bool passing) {
  constexpr std::string_view check = "journal";
  if (persistent) return {finding(Level::ok, check, "logs are kept over a restart")};
  if (passing) {
    return {finding(Level::warn, check, "logs are lost when the machine restarts",
                    "mkdir -p /var/log/journal && systemctl restart systemd-journald")};
  }
  return {finding(Level::note, check, "not looked at: there is no journal of systemd")};
}

Findings check_descriptors(std::uint64_t limit, std::uint64_t least, std::uint64_t wanted) {
  constexpr std::string_view check = "descriptors";
  if (limit == 0) {
    return {finding(Level::note, check,
                    "not looked at: no gateway runs; it reports C034 at the start",
                    "postern check")};
  }
  const std::string state = fmt::format("the gateway may open {} files", limit);
  if (limit < least) {
    return {finding(Level::fail, check, fmt::format("{}, and its sessions need {}", state, least),
                    fmt::format("LimitNOFILE={} in the unit, or fewer limits.sessions", wanted))};
  }
  if (limit < wanted) {
    return {finding(Level::warn, check,
                    fmt::format("{}; with {} no session waits for another", state, wanted),
                    fmt::format("LimitNOFILE={} in the unit", wanted))};
  }
  return {finding(Level::ok, check, state)};
}

int bind_error(const std::string& ip, std::uint16_t port) {
  sockaddr_storage address;
  const socklen_t length = fill(ip, port, address);
  if (length == 0) return EINVAL;
  const Descriptor socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return errno;
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (address.ss_family == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  }
  return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
}

Findings check_ports(const std::vector<PortFacts>& ports, bool gateway_runs) {
  constexpr std::string_view check = "ports";
  Findings found;
  for (const PortFacts& port : ports) {
    const std::string number = port.address.substr(port.address.rfind(':') + 1);
    if (port.ours) {
      found.push_back(
          finding(Level::ok, check, fmt::format("the gateway listens on {}", port.address)));
    } else if (gateway_runs) {
      found.push_back(
          finding(Level::warn, check,
                  fmt::format("the gateway does not listen on {}, which the configuration "
                              "names",
                              port.address),
                  "systemctl restart postern"));
    } else if (port.error == 0) {
      found.push_back(finding(Level::ok, check, fmt::format("{} is free", port.address)));
    } else if (port.error == EACCES) {
      found.push_back(
          finding(Level::note, check,
                  fmt::format("{} was not looked at: this user may not open it, or ask the "
                              "gateway whether it has it",
                              port.address),
                  "run doctor as root"));
    } else if (port.error == EADDRINUSE) {
      found.push_back(finding(Level::fail, check,
                              fmt::format("another program listens on {}", port.address),
                              fmt::format("ss -ltnp 'sport = :{}' names it; stop it", number)));
    } else {
      found.push_back(finding(Level::fail, check,
                              fmt::format("{}: {}", port.address, std::strerror(port.error)),
                              "correct the address of the listener"));
    }
  }
  return found;
}

ConnectFacts try_outgoing(const std::string& host, const std::string& ip, std::uint16_t port) {
  ConnectFacts facts{.host = host, .address = ip};
  sockaddr_storage address;
  const socklen_t length = fill(ip, port, address);
  if (length == 0) return facts;
  const Descriptor socket(
      ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) {
    facts.error = errno;
    return facts;
  }
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    facts.error = errno;
    if (facts.error != EINPROGRESS) return facts;
    facts.error = ETIMEDOUT;
    if (!ready(socket.get(), POLLOUT)) return facts;
    socklen_t size = sizeof facts.error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &facts.error, &size);
    if (facts.error != 0) return facts;
  }
  char buffer[512];
  if (!ready(socket.get(), POLLIN)) return facts;
  const ssize_t octets = ::recv(socket.get(), buffer, sizeof buffer, 0);
  if (octets <= 0) return facts;
  facts.greeting = std::string(buffer, static_cast<std::size_t>(octets));
  facts.greeting.resize(std::min(facts.greeting.size(), facts.greeting.find('\r')));
  constexpr std::string_view goodbye = "QUIT\r\n";
  (void)::send(socket.get(), goodbye.data(), goodbye.size(), MSG_NOSIGNAL);
  return facts;
}

Findings check_outgoing(const ConnectFacts& facts) {
  constexpr std::string_view check = "outgoing";
  if (facts.address.empty()) {
    return {finding(Level::fail, check, fmt::format("{} has no address", facts.host),
                    "name a host that receives mail")};
  }
  const std::string peer =
      facts.host == facts.address ? facts.host : fmt::format("{} ({})", facts.host, facts.address);
  if (facts.error == ETIMEDOUT) {
    return {
        finding(Level::fail, check,
                fmt::format("no connection to {} within 10 s: many providers block outgoing port "
                            "25",
                            peer),
                "ask the provider to open it, or send through a relay (docs/relay.md)")};
  }
  if (facts.error != 0) {
    return {finding(Level::fail, check, fmt::format("{}: {}", peer, std::strerror(facts.error)),
                    "try another host; if all fail, see the firewall")};
  }
  if (!facts.greeting.starts_with("220")) {
    return {
        finding(Level::warn, check,
                fmt::format("{} does not greet: {}", peer,
                            facts.greeting.empty() ? "silence" : printable(facts.greeting, 200)),
                "try another host")};
  }
  return {finding(Level::ok, check, fmt::format("{} greets", peer))};
}

Findings check_incoming(const std::vector<ConnectFacts>& addresses, const std::string& hostname) {
  constexpr std::string_view check = "incoming";
  Findings found;
  for (const ConnectFacts& facts : addresses) {
    const std::string from_outside = fmt::format(
        "on a machine elsewhere: `postern doctor --check outgoing --outgoing {}`", facts.address);
    if (facts.error != 0) {
      // A router need not lead a network's own machines back to its public address.
      found.push_back(finding(facts.error == ECONNREFUSED ? Level::fail : Level::warn, check,
                              fmt::format("port 25 of {} cannot be reached from this machine: {}",
                                          facts.address, std::strerror(facts.error)),
                              (facts.error == ECONNREFUSED
                                   ? "let the gateway listen there, or forward the port; then, "
                                   : "look at the firewall and the forwarding of ports; then, ") +
                                  from_outside));
      continue;
    }
    const auto words = split(facts.greeting, ' ');
    const bool greets = words.front() == "220" && words.size() > 1;
    if (!greets || !iequals(words[1], hostname)) {
      found.push_back(
          finding(Level::fail, check,
                  fmt::format("port 25 of {} is not this gateway's: it says {}", facts.address,
                              facts.greeting.empty() ? "nothing" : printable(facts.greeting, 200)),
                  "let the port lead to this gateway, or correct the address"));
      continue;
    }
    found.push_back(finding(
        Level::ok, check,
        fmt::format("{} greets on port 25 of {}, asked from this machine; whether a firewall keeps "
                    "others off shows only from outside",
                    hostname, facts.address),
        from_outside));
  }
  if (found.empty()) {
    found.push_back(finding(Level::note, check,
                            "not looked at: the public address of the gateway is not known",
                            "name it with --address IP"));
  }
  return found;
}

}  // namespace postern::doctor
