#include "cluster/promised.h"

#include <ctime>

#include <fmt/format.h>
#include <sys/stat.h>
#include <boost/json.hpp>

#include "base/file_io.h"
#include "base/rfc4648.h"
#include "cluster/lease.h"

namespace postern::cluster {

namespace json = boost::json;

namespace {

constexpr std::size_t largest = 4096;

/// Whether there is such a text.
bool text_of(const json::object& object, std::string_view key, std::string& into) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return false;
  into = std::string(value->get_string());
  return true;
}

bool number_of(const json::object& object, std::string_view key, std::int64_t& into) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return false;
  into = value->get_int64();
  return true;
}

std::string described(const Home& home) {
  return fmt::format("`{}` with the cluster {}", home.database, home.cluster);
}

/// The two clocks run at one rate; only setting the wall clock changes their distance.
constexpr std::chrono::milliseconds same_start{1000};

std::chrono::milliseconds milliseconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                       std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace

bool Place::is_same_as(const Place& other) const {
  return inode != 0 && inode == other.inode && device == other.device &&
         std::chrono::abs(booted - other.booted) < same_start;
}

// The kernel's own id of its start is in /proc/sys, which the service's unit hides.
Place place_of(const std::string& lock_file) {
  struct stat file{};
  if (lock_file.empty() || ::stat(lock_file.c_str(), &file) != 0) return {};
  return {.device = static_cast<std::int64_t>(file.st_dev),
          .inode = static_cast<std::int64_t>(file.st_ino),
          .booted = milliseconds_of(CLOCK_REALTIME) - milliseconds_of(CLOCK_BOOTTIME)};
}

Result<std::optional<Promised>> read_promised(const std::string& path) {
  const auto text = start_of_file(path, largest);
  if (!text) return tl::unexpected(text.error());
  if (!*text) return std::nullopt;
  boost::system::error_code bad;
  const json::value value = json::parse(**text, bad);
  Promised found;
  std::string boot;
  const json::object* object = bad ? nullptr : value.if_object();
  if (object == nullptr || !text_of(*object, "system", found.epoch.system) ||
      !number_of(*object, "timeline", found.epoch.timeline) ||
      !text_of(*object, "node", found.node) || !text_of(*object, "boot", boot) ||
      !number_of(*object, "beat", found.beat) || !number_of(*object, "losses", found.losses)) {
    return fail(Fault::malformed, path + " does not say what the cluster's database promised");
  }
  // Files of older releases do not have them.
  text_of(*object, "cluster", found.home.cluster);
  text_of(*object, "database", found.home.database);
  std::int64_t booted = 0;
  if (number_of(*object, "lock_device", found.place.device) &&
      number_of(*object, "booted", booted)) {
    number_of(*object, "lock_inode", found.place.inode);
    found.place.booted = std::chrono::milliseconds(booted);
  }
  Result<std::string> octets = decode(boot, Base::hex, Padding::without);
  if (!octets || octets->size() != 16) {
    return fail(Fault::malformed, path + ": `boot` must be 32 hexadecimal digits");
  }
  found.boot = std::move(*octets);
  return found;
}

net::PgsqlStatement what_it_has(const std::string& node) {
  return {.sql =
              "SELECT coalesce((SELECT max(beat) FROM node WHERE name = $1), 0), losses, "
              "id::text, current_database()::text FROM cluster",
          .values = {net::pgsql::text(node)}};
}

Promised had(const net::PgsqlRows& rows, const std::string& node) {
  return {.epoch = {},
          .home = {.cluster = rows.text(0, 2), .database = rows.text(0, 3)},
          .node = node,
          .boot = {},
          .beat = rows.integer(0, 0),
          .losses = rows.integer(0, 1),
          .place = {}};
}

Result<std::string> missing(const Promised& promised, const Promised& had) {
  if (!promised.home.cluster.empty() && promised.home.cluster != had.home.cluster) {
    return another_database(described(had.home), described(promised.home));
  }
  if (had.losses > promised.losses || had.beat >= promised.beat) return std::string();
  return fmt::format(
      "about {} s of changes are missing: the last heartbeat that was acknowledged, one every {} "
      "s, has the number {}, and it knows {}",
      (promised.beat - had.beat) * heartbeat_every.count(), heartbeat_every.count(), promised.beat,
      had.beat);
}

Result<void> write_promised(const std::string& path, const Promised& promised) {
  const std::string text =
      json::serialize(json::object{{"system", promised.epoch.system},
                                   {"timeline", promised.epoch.timeline},
                                   {"cluster", promised.home.cluster},
                                   {"database", promised.home.database},
                                   {"node", promised.node},
                                   {"boot", encode(promised.boot, Base::hex, Padding::without)},
                                   {"beat", promised.beat},
                                   {"losses", promised.losses},
                                   {"lock_device", promised.place.device},
                                   {"lock_inode", promised.place.inode},
                                   {"booted", promised.place.booted.count()}}) +
      "\n";
  return replace_file(path, text);
}

}  // namespace postern::cluster
