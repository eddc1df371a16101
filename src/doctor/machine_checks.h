// What a gateway needs of its machine. Each check is a function from facts to findings; the facts
// are read beside it, by calls that change nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "doctor/finding.h"

namespace postern::doctor {

/// A file of the data directory.
struct FileFacts {
  std::string path;         ///< for messages
  std::uint32_t owner = 0;  ///< user id
  std::uint32_t mode = 0;   ///< permission bits
  std::uint64_t size = 0;   ///< octets
};

/// The data directory.
struct DirectoryFacts {
  FileFacts self;                ///< the directory
  std::string trouble;           ///< why it cannot be looked at; empty: it was
  std::vector<FileFacts> files;  ///< in it and in its folder `spool`, at most some hundreds
  /// The owner that the running gateway sees, if it is known. It may be another one: the systemd
  /// of Debian 13 mounts the directory of a dynamic user with mapped ids, and the files are
  /// nobody's.
  std::optional<std::uint32_t> mapped_owner = {};
};
/// Reads owner, mode and size, and opens no file. Blocks on the disk.
DirectoryFacts look_at_directory(const std::string& path);
/// Only the owner may enter, and all files are the owner's. `gateway`: the running gateway's user,
/// if it is known.
Findings check_data_directory(const DirectoryFacts& facts, std::optional<std::uint32_t> gateway);
/// The databases' write-ahead logs are below 256 MiB: else a reader keeps them from being reset.
Findings check_wal(const DirectoryFacts& facts);

/// The file system of the data directory.
struct DiskFacts {
  std::string trouble;            ///< why it cannot be looked at; empty: it was
  std::uint64_t size = 0;         ///< octets
  std::uint64_t free = 0;         ///< octets that the gateway's user can use
  std::uint64_t floor = 0;        ///< octets below which the gateway accepts no mail
  std::uint64_t inodes = 0;       ///< 0: the file system does not count them
  std::uint64_t free_inodes = 0;  ///< of them
};
/// Asks statvfs(3).
DiskFacts look_at_disk(const std::string& path);
/// Fails below the floor; warns below twice the floor, and when fewer than 5 % of the inodes are
/// free.
Findings check_disk(const DiskFacts& facts);

/// Whether the kernel's clock is kept by a time service: adjtimex(2), no network. nullopt: the
/// kernel does not say.
std::optional<bool> clock_is_kept();
/// Warns of a clock that nothing keeps: signatures, certificates and retries depend on it.
Findings check_clock(std::optional<bool> kept);

/// Whether the journal is kept over a restart (journald.conf(5)): `persistent`, /var/log/journal
/// exists; `passing`, /run/log/journal does.
Findings check_journal(bool persistent, bool passing);

/// `limit`: descriptors of the running gateway; 0: unknown. `least` and `wanted` as of
/// config/descriptors.h.
Findings check_descriptors(std::uint64_t limit, std::uint64_t least, std::uint64_t wanted);

/// Whether an address can be bound, or what answers there.
struct PortFacts {
  std::string address;  ///< "0.0.0.0:25"
  int error = 0;        ///< errno of bind(2); 0: it is free
  bool ours = false;    ///< the running gateway listens there
};
/// Binds a socket and closes it at once; nothing listens. `ip` and `port` in text form.
int bind_error(const std::string& ip, std::uint16_t port);
/// Each address is the gateway's or free.
Findings check_ports(const std::vector<PortFacts>& ports, bool gateway_runs);

/// What became of a connection to port 25 of a host.
struct ConnectFacts {
  std::string host;      ///< as it was named
  std::string address;   ///< empty: it has none
  int error = 0;         ///< errno of connect(2), ETIMEDOUT included; 0: connected
  std::string greeting;  ///< the first line; empty: none
};
/// Connects, reads the greeting, says QUIT. Blocks for at most about 10 s.
ConnectFacts try_outgoing(const std::string& host, const std::string& ip, std::uint16_t port);
/// A time-out is how a provider blocks the port.
Findings check_outgoing(const ConnectFacts& facts);
/// Port 25 of our own public addresses, as this machine reaches them: whether `hostname` greets
/// there. What other machines reach is not known, and said so.
Findings check_incoming(const std::vector<ConnectFacts>& addresses, const std::string& hostname);

}  // namespace postern::doctor
