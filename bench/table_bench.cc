// Look-up tables of the size of large sites: a hash table of 1,000,000 keys, a cidr table of
// 100,000 networks, some patterns. Prints nanoseconds a look-up for keys that exist and keys that
// do not, and the memory that the table adds to the process.
//   table_bench [look-ups a round]
//   table_bench FILE PRESENT ABSENT LOOK-UPS   a table of any type ("hash:/etc/senders") and keys,
//                                              one a line, that it has and has not; prints JSON
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "dialect/restrictions/table.h"
#include "measure.h"

namespace {

using namespace postern;
using namespace postern::dialect::restrictions;
using bench::KeyList;
using Clock = std::chrono::steady_clock;

struct Keys {
  KeyList present;
  KeyList absent;
};

/// The median of eleven rounds, in CPU time of this thread, which other programs do not affect.
double nanoseconds(const Table& table, const KeyList& keys, std::size_t lookups,
                   std::size_t& found) {
  constexpr std::size_t rounds = 11;
  std::vector<double> each;
  found = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    const double begin = bench::thread_nanoseconds();
    keys.each(lookups, [&](std::string_view key) {
      found += table.lookup(key).status == Found::Status::found ? 1 : 0;
    });
    each.push_back((bench::thread_nanoseconds() - begin) / static_cast<double>(lookups));
  }
  found /= rounds;
  std::sort(each.begin(), each.end());
  return each[rounds / 2];
}

void measure(const char* what, const std::string& spec, std::string text, const Keys& keys,
             std::size_t lookups) {
  const std::size_t octets = text.size();
  const double before = bench::resident_mib();
  const auto begin = Clock::now();
  const auto table = open_table(
      spec, {.read = [&](const std::string&) { return Result<std::string>(std::move(text)); }});
  const std::chrono::duration<double, std::milli> loading = Clock::now() - begin;
  if (!table) {
    fmt::print("{}: {}\n", what, table.error().message);
    std::exit(1);
  }
  // The text of the source was moved into open_table and is freed now.
  const double source = static_cast<double>(octets) / (1 << 20);
  std::size_t hits = 0;
  std::size_t misses = 0;
  const double hit = nanoseconds(**table, keys.present, lookups, hits);
  const double miss = nanoseconds(**table, keys.absent, lookups, misses);
  fmt::print(
      "{:<28} {:>9} rows  loaded in {:>6.0f} ms  hit {:>6.1f} ns  miss {:>6.1f} ns  table "
      "{:>5.1f} MiB  RSS {:+.1f} MiB (source {:.1f} MiB freed)\n",
      what, (*table)->rows(), loading.count(), hit, miss,
      static_cast<double>((*table)->memory()) / (1 << 20),
      bench::resident_mib() - (before - source), source);
  if (hits != lookups || misses != 0) {
    fmt::print("{}: {} of {} found, {} of the others\n", what, hits, lookups, misses);
    std::exit(1);
  }
}

void hash(std::size_t lookups) {
  std::string text;
  Keys keys;
  std::vector<std::string> present;
  std::mt19937 random(1);
  for (std::size_t i = 0; i < 1'000'000; ++i) {
    const std::string key = fmt::format("user{}@d{}.example.com", random(), i % 5000);
    text += key + (i % 3 == 0 ? " REJECT not here\n" : " OK\n");
    if (i % 4 == 0) present.push_back(key);
    if (i % 4 == 1) keys.absent.add(fmt::format("user{}x@d{}.example.com", random(), i));
  }
  std::shuffle(present.begin(), present.end(), random);
  for (const std::string& key : present) keys.present.add(key);
  measure("hash", "hash:/bench", std::move(text), keys, lookups);
}

void cidr(std::size_t lookups) {
  std::string text;
  Keys keys;
  std::mt19937 random(2);
  const auto v4 = [](std::uint32_t address) { return IpAddress::v4(address).to_string(); };
  for (std::size_t i = 0; i < 100'000; ++i) {
    // Only networks with an even third octet are listed.
    const std::uint32_t address = (random() & 0xfffffe00u);
    text += fmt::format("{}/24 REJECT\n", v4(address));
    keys.present.add(v4(address | (random() & 0xff)));
    keys.absent.add(v4((random() & 0xfffffe00u) | 0x100 | (random() & 0xff)));
  }
  measure("cidr, IPv4", "cidr:/bench", std::move(text), keys, lookups);
  text.clear();
  keys = {};
  for (std::size_t i = 0; i < 100'000; ++i) {
    const auto high = static_cast<unsigned>(random() & 0x7fff);
    const auto low = static_cast<unsigned>(random() & 0xfffe);
    text += fmt::format("2001:{:x}:{:x}::/48 REJECT\n", high, low);
    keys.present.add(fmt::format("2001:{:x}:{:x}::{:x}", high, low, i & 0xffff));
    keys.absent.add(fmt::format("2001:{:x}:{:x}::{:x}", high, low | 1, i & 0xffff));
  }
  measure("cidr, IPv6", "cidr:/bench", std::move(text), keys, lookups);
}

void patterns(std::size_t lookups) {
  std::string text;
  for (int i = 0; i < 50; ++i) {
    text += fmt::format("/^(dsl|pool|dyn)[-.0-9]+host{}\\.example\\.net$/ REJECT dynamic $1\n", i);
  }
  Keys keys;
  keys.present.add("dsl-192-0-2-1.host49.example.net");
  keys.absent.add("mail.example.org");
  keys.absent.add("dynamo.example.net");
  measure("pcre, 50 patterns", "pcre:/bench", text, keys, lookups / 50 + 1);
  measure("regexp, 50 patterns", "regexp:/bench", text, keys, lookups / 50 + 1);
}

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// bench/growth makes the tables.
int measure_file(const char* spec, const char* present, const char* absent, std::size_t lookups) {
  const KeyList listed(text_of(present));
  const KeyList others(text_of(absent));
  const double before = bench::resident_mib();
  const auto begin = Clock::now();
  const auto table = open_table(spec, file_sources());
  const std::chrono::duration<double> loading = Clock::now() - begin;
  if (!table) {
    fmt::print(stderr, "{}\n", table.error().message);
    return 1;
  }
  std::size_t hits = 0;
  std::size_t misses = 0;
  const double hit = nanoseconds(**table, listed, lookups, hits);
  const double miss = nanoseconds(**table, others, lookups, misses);
  fmt::print(R"({{"load_s": {:.4f}, "hit_ns": {:.1f}, "miss_ns": {:.1f}, "mib": {:.2f}}})"
             "\n",
             loading.count(), hit, miss, bench::resident_mib() - before);
  if (hits == lookups && misses == 0) return 0;
  fmt::print(stderr, "{} of {} found, {} of the others\n", hits, lookups, misses);
  return 1;
}

}  // namespace

int main(int count, char** words) {
  if (count == 5) {
    return measure_file(words[1], words[2], words[3], std::strtoull(words[4], nullptr, 10));
  }
  const std::size_t lookups = count > 1 ? std::strtoull(words[1], nullptr, 10) : 500'000;
  hash(lookups);
  cidr(lookups);
  patterns(lookups);
  return 0;
}
