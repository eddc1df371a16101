// The durable spool: messages a second that are on stable storage when they are acknowledged, and
// the cost of a start with a full queue.
//   spool_bench [DIRECTORY [SECONDS A ROW]]      puts of 4 KB and 100 KB, 1, 16 and 64 at a time
//   spool_bench DIRECTORY restart [MESSAGES]     fills a queue, opens it, finds the first delivery
//   spool_bench DIRECTORY fill MESSAGES HOP      fills the spool DIRECTORY with mail for a next hop
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "measure.h"
#include "spool/sqlite_spool.h"

namespace {

using namespace postern;
using namespace postern::spool;
using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

[[noreturn]] void stop(const Error& error) {
  fmt::print("{}\n", error.message);
  std::exit(1);
}

std::unique_ptr<SqliteSpool> open(const std::string& directory) {
  auto spool = SqliteSpool::open({.directory = directory});
  if (!spool) stop(spool.error());
  return std::move(*spool);
}

Envelope envelope(std::size_t number) {
  return {
      .received = std::chrono::system_clock::now(),
      .reverse_path = "author@example.org",
      .trace_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
      .evidence = R"({"spf":"pass","dkim":["pass example.org/s1"],"dmarc":"pass"})",
      .recipients = {{.address = fmt::format("user{}@example.net", number),
                      .destination = {RouteKind::webhook, fmt::format("wh_{}", number % 1000)}}}};
}

Body body(const std::string& directory, std::size_t octets) {
  Body made(directory, 1 << 20);
  if (const Result<void> done = made.append(std::string(octets, 'x')); !done) stop(done.error());
  return made;
}

/// Each thread waits for its acknowledgement, as a client waits for its 250.
void puts(const std::string& directory, std::size_t octets, unsigned putters, double seconds) {
  std::filesystem::remove_all(directory + "/bench");
  std::filesystem::create_directory(directory + "/bench");
  const auto spool = open(directory + "/bench");
  std::mutex mutex;
  std::vector<double> times;
  const auto begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < putters; ++t) {
    threads.emplace_back([&] {
      std::vector<double> mine;
      for (std::size_t number = t; Clock::now() < end; number += putters) {
        std::promise<Result<MessageId>> answer;
        const auto start = Clock::now();
        spool->put(envelope(number), body(directory, octets),
                   [&](Result<MessageId> id) { answer.set_value(std::move(id)); });
        const Result<MessageId> id = answer.get_future().get();
        if (!id) stop(id.error());
        mine.push_back(milliseconds(Clock::now() - start));
      }
      const std::lock_guard lock(mutex);
      times.insert(times.end(), mine.begin(), mine.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double took = milliseconds(Clock::now() - begin) / 1000;
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  const auto count = static_cast<double>(times.size());
  fmt::print(
      "{:>7} octets  {:>3} putters  {:>8.0f} messages/s  {:.3f} commits a message  p50 {:>7.2f} ms "
      " "
      "p99 {:>7.2f} ms\n",
      octets, putters, count / took, static_cast<double>(spool->counters().commits) / count,
      at(0.5), at(0.99));
}

template <class Run>
void timed(const char* what, Run run) {
  const auto begin = Clock::now();
  const std::size_t found = run();
  fmt::print("{:<40} {:>9.1f} ms  {:>6} rows\n", what, milliseconds(Clock::now() - begin), found);
}

template <class MakeEnvelope>
void fill(const std::string& directory, std::size_t messages, MakeEnvelope make) {
  const auto spool = open(directory);
  std::atomic<std::size_t> waiting = 0;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < messages; ++i) {
    while (waiting > 2000) std::this_thread::sleep_for(std::chrono::microseconds(200));
    ++waiting;
    spool->put(make(i), body(directory, 400), [&](const Result<MessageId>& id) {
      if (!id) stop(id.error());
      --waiting;
    });
  }
  while (waiting > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  fmt::print("{} messages queued in {:.1f} s\n", messages,
             milliseconds(Clock::now() - begin) / 1000);
}

void restart(const std::string& directory, std::size_t messages) {
  const std::string place = directory + "/bench";
  std::filesystem::remove_all(place);
  std::filesystem::create_directory(place);
  fill(place, messages, envelope);
  const double before = bench::resident_mib();
  std::unique_ptr<SqliteSpool> spool;
  const Time now = std::chrono::system_clock::now();
  timed("open", [&] {
    spool = open(place);
    return 0;
  });
  std::vector<Parcel> parcels;
  timed("the first 100 parcels", [&] {
    Cursor start;
    parcels = spool->parcels(start, 100).value();
    return parcels.size();
  });
  timed("claim them and read their bodies", [&] {
    std::vector<RecipientKey> keys;
    for (const Parcel& one : parcels) {
      keys.push_back({spool->get(one.sequence).value()->id, one.first});
    }
    std::promise<std::size_t> claimed;
    spool->claim(
        keys, now, now + std::chrono::minutes(5),
        [&](const Result<std::vector<Claim>>& claims) { claimed.set_value(claims->size()); });
    for (const RecipientKey& key : keys) {
      if (!spool->body(key.message)->next()) std::exit(1);
    }
    return claimed.get_future().get();
  });
  timed("every parcel, 2000 messages at a time", [&] {
    Cursor at;
    std::size_t seen = 0;
    for (;;) {
      const auto page = spool->parcels(at, 2000).value();
      if (page.empty()) return seen;
      seen += page.size();
    }
  });
  timed("a page of the list", [&] { return spool->list({}, "", 100).value().size(); });
  timed("a page of what is dead",
        [&] { return spool->list({.state = State::dead}, "", 100).value().size(); });
  fmt::print("memory: {:+.1f} MiB, {:.1f} octets a queued message\n",
             bench::resident_mib() - before,
             (bench::resident_mib() - before) * (1 << 20) / static_cast<double>(messages));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : ".";
  if (argc > 4 && std::string_view(argv[2]) == "fill") {
    std::filesystem::create_directories(directory);
    fill(directory, std::strtoull(argv[3], nullptr, 10),
         [hop = std::string(argv[4])](std::size_t i) {
           Envelope made = envelope(i);
           made.evidence = "{}";
           made.recipients.front().destination = {RouteKind::relay, hop};
           return made;
         });
    return 0;
  }
  if (argc > 2 && std::string_view(argv[2]) == "restart") {
    restart(directory, argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1'000'000);
  } else {
    const double seconds = argc > 2 ? std::atof(argv[2]) : 2;
    for (const std::size_t octets : {4'096, 102'400}) {
      for (const unsigned putters : {1u, 16u, 64u}) puts(directory, octets, putters, seconds);
    }
  }
  std::filesystem::remove_all(directory + "/bench");
}
