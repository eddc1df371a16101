// The durable spool: messages a second that are on stable storage when they are acknowledged, and
// the cost of a start with a full queue.
//   spool_bench [DIRECTORY [SECONDS A ROW]]      puts of 4 KB and 100 KB, 1, 16 and 64 at a time
//   spool_bench DIRECTORY restart [MESSAGES]     fills a queue, opens it, finds the first delivery
//   spool_bench DIRECTORY fill MESSAGES HOP [OCTETS]   fills a spool with mail for a next hop
// and the same puts into the database of a cluster (bench/cluster), beside what the engine can do:
//   spool_bench cluster CONNECTION OCTETS PUTTERS SECONDS
//   spool_bench life CONNECTION OCTETS PUTTERS SECONDS    each is claimed and settled beside it
//   spool_bench copy CONNECTION OCTETS SESSIONS SECONDS   COPY of 64 rows, each a commit
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
#include <libpq-fe.h>

#include "measure.h"
#include "spool/pgsql_spool.h"
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

/// Text that does not compress.
std::string text(std::size_t octets) {
  std::string made(octets, ' ');
  std::uint32_t state = 1;
  for (char& one : made) {
    state = state * 1664525 + 1013904223;
    one = static_cast<char>('0' + (state >> 26));
  }
  return made;
}

Body body(const std::string& directory, std::size_t octets) {
  static const std::string bytes = text(1 << 20);
  Body made(directory, 1 << 20);
  if (const Result<void> done = made.append(std::string_view(bytes).substr(0, octets)); !done) {
    stop(done.error());
  }
  return made;
}

/// Messages a second, and the time of each call in ms, sorted.
struct Pace {
  double rate = 0;
  std::vector<double> times;
  double at(double part) const {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  }
};

/// Calls `act` on so many threads for so long, each of which waits for the end of its call. `act`
/// gets the thread's number and that of the call, and returns how many messages it has stored.
template <class Act>
Pace paced(unsigned threads, double seconds, Act act) {
  std::mutex mutex;
  Pace pace;
  double messages = 0;
  const auto begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      std::vector<double> mine;
      double stored = 0;
      for (std::size_t call = 0; Clock::now() < end; ++call) {
        const auto start = Clock::now();
        stored += static_cast<double>(act(t, call));
        mine.push_back(milliseconds(Clock::now() - start));
      }
      const std::lock_guard lock(mutex);
      messages += stored;
      pace.times.insert(pace.times.end(), mine.begin(), mine.end());
    });
  }
  for (std::thread& thread : running) thread.join();
  pace.rate = messages / (milliseconds(Clock::now() - begin) / 1000);
  std::sort(pace.times.begin(), pace.times.end());
  return pace;
}

/// Deliveries of messages, each of which is claimed and settled as soon as it is there.
class Deliveries {
 public:
  explicit Deliveries(Spool& spool) : spool_(spool) {}

  void begin(const MessageId& id) {
    ++going_;
    const Time now = std::chrono::system_clock::now();
    spool_.claim({{.message = id, .index = 0}}, now, now + std::chrono::minutes(5),
                 [this](const Result<std::vector<Claim>>& claims) {
                   if (!claims) stop(claims.error());
                   if (claims->size() != 1) stop({Fault::conflict, "a message was not claimed"});
                   settle(claims->front());
                 });
  }
  /// Until at most so many go on.
  void wait_for(std::size_t most) const {
    while (going_ > most) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }

 private:
  void settle(const Claim& claim) {
    spool_.settle({{.key = claim.key, .attempt = claim.attempt}}, [this](const Result<void>& done) {
      if (!done) stop(done.error());
      --going_;
    });
  }
  Spool& spool_;
  std::atomic<std::size_t> going_ = 0;
};

/// Each thread waits for its acknowledgement, as a client waits for its 250. `whole_life`: what is
/// stored is delivered beside it, and the time goes on until all is.
void puts(Spool& spool, const std::string& directory, std::size_t octets, unsigned putters,
          double seconds, bool whole_life = false) {
  Deliveries deliveries(spool);
  const auto begin = Clock::now();
  Pace pace = paced(putters, seconds, [&](unsigned thread, std::size_t call) {
    if (whole_life) deliveries.wait_for(1000);
    std::promise<Result<MessageId>> answer;
    spool.put(envelope(thread + call * putters), body(directory, octets),
              [&](Result<MessageId> id) { answer.set_value(std::move(id)); });
    const Result<MessageId> id = answer.get_future().get();
    if (!id) stop(id.error());
    if (whole_life) deliveries.begin(*id);
    return 1;
  });
  if (whole_life) {
    deliveries.wait_for(0);
    pace.rate =
        static_cast<double>(pace.times.size()) / (milliseconds(Clock::now() - begin) / 1000);
  }
  fmt::print(
      "{:>7} octets  {:>3} putters  {:>8.0f} messages/s  {:.3f} commits a message  p50 {:>7.2f} ms "
      " "
      "p99 {:>7.2f} ms\n",
      octets, putters, pace.rate,
      static_cast<double>(spool.counters().commits) / static_cast<double>(pace.times.size()),
      pace.at(0.5), pace.at(0.99));
}

void cluster_puts(const std::string& connection, std::size_t octets, unsigned putters,
                  double seconds, bool whole_life) {
  const auto database = cluster::Database::make(
      {.postgres = connection, .user = {}, .password = {}, .allow_one_copy = true});
  if (!database) stop(database.error());
  const auto node = cluster::Node::join(**database, {.name = "bench", .version = "bench"});
  if (!node) stop(node.error());
  const auto spool = PgsqlSpool::open(**database, **node);
  if (!spool) stop(spool.error());
  puts(**spool, ".", octets, putters, seconds, whole_life);
}

/// What the engine can do with the same octets: rows of an id, an envelope and a body, as COPY
/// takes them in its binary format, 64 a commit.
void copies(const std::string& connection, std::size_t octets, unsigned sessions, double seconds) {
  constexpr int rows = 64;
  constexpr std::size_t envelope_octets = 300;
  struct Close {
    void operator()(PGconn* session) const { PQfinish(session); }
  };
  std::vector<std::unique_ptr<PGconn, Close>> connected;
  const auto good = [](PGconn* session, bool done) {
    if (!done) stop({Fault::unreachable, PQerrorMessage(session)});
  };
  const auto run = [&](PGconn* session, const char* sql, ExecStatusType wanted) {
    PGresult* const said = PQexec(session, sql);
    good(session, PQresultStatus(said) == wanted);
    PQclear(said);
  };
  for (unsigned i = 0; i < sessions; ++i) {
    connected.emplace_back(PQconnectdb((connection + " target_session_attrs=read-write").c_str()));
    good(connected.back().get(), PQstatus(connected.back().get()) == CONNECTION_OK);
  }
  run(connected.front().get(),
      "CREATE TABLE IF NOT EXISTS bench_raw (id uuid PRIMARY KEY, env text NOT NULL, body bytea "
      "NOT NULL); ALTER TABLE bench_raw ALTER body SET STORAGE EXTERNAL; TRUNCATE bench_raw",
      PGRES_COMMAND_OK);
  const std::string bytes = text(octets);
  const auto number = [](std::string& to, std::uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
      to += static_cast<char>(value >> shift);
    }
  };
  const Pace pace = paced(sessions, seconds, [&](unsigned thread, std::size_t call) {
    PGconn* const session = connected[thread].get();
    run(session, "COPY bench_raw FROM STDIN (FORMAT binary)", PGRES_COPY_IN);
    std::string data("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    for (int row = 0; row < rows; ++row) {
      number(data, 3, 2);
      number(data, 16, 4);
      number(data, call * rows + static_cast<std::size_t>(row), 8);
      number(data, thread, 8);
      number(data, envelope_octets, 4);
      data.append(envelope_octets, 'e');
      number(data, octets, 4);
      data += bytes;
    }
    number(data, 0xffff, 2);
    good(session, PQputCopyData(session, data.data(), static_cast<int>(data.size())) == 1 &&
                      PQputCopyEnd(session, nullptr) == 1);
    while (PGresult* const said = PQgetResult(session)) {
      good(session, PQresultStatus(said) == PGRES_COMMAND_OK);
      PQclear(said);
    }
    return rows;
  });
  fmt::print(
      "{:>7} octets  {:>3} sessions  {:>8.0f} messages/s by COPY  a commit: p50 {:>7.2f} ms "
      " p99 {:>7.2f} ms\n",
      octets, sessions, pace.rate, pace.at(0.5), pace.at(0.99));
}

template <class Run>
void timed(const char* what, Run run) {
  const auto begin = Clock::now();
  const std::size_t found = run();
  fmt::print("{:<40} {:>9.1f} ms  {:>6} rows\n", what, milliseconds(Clock::now() - begin), found);
}

template <class MakeEnvelope>
void fill(const std::string& directory, std::size_t messages, MakeEnvelope make,
          std::size_t octets = 400) {
  const auto spool = open(directory);
  std::atomic<std::size_t> waiting = 0;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < messages; ++i) {
    while (waiting > 2000) std::this_thread::sleep_for(std::chrono::microseconds(200));
    ++waiting;
    spool->put(make(i), body(directory, octets), [&](const Result<MessageId>& id) {
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
  if (argc == 6 && (directory == "cluster" || directory == "life" || directory == "copy")) {
    const std::size_t octets = std::strtoull(argv[3], nullptr, 10);
    const auto clients = static_cast<unsigned>(std::atoi(argv[4]));
    const double seconds = std::atof(argv[5]);
    if (directory == "copy") {
      copies(argv[2], octets, clients, seconds);
    } else {
      cluster_puts(argv[2], octets, clients, seconds, directory == "life");
    }
    return 0;
  }
  if (argc > 4 && std::string_view(argv[2]) == "fill") {
    std::filesystem::create_directories(directory);
    fill(
        directory, std::strtoull(argv[3], nullptr, 10),
        [hop = std::string(argv[4])](std::size_t i) {
          Envelope made = envelope(i);
          made.evidence = "{}";
          made.recipients.front().destination = {RouteKind::relay, hop};
          return made;
        },
        argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 400);
    return 0;
  }
  if (argc > 2 && std::string_view(argv[2]) == "restart") {
    restart(directory, argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1'000'000);
  } else {
    const double seconds = argc > 2 ? std::atof(argv[2]) : 2;
    for (const std::size_t octets : {4'096, 102'400}) {
      for (const unsigned putters : {1u, 16u, 64u}) {
        const std::string place = directory + "/bench";
        std::filesystem::remove_all(place);
        std::filesystem::create_directory(place);
        puts(*open(place), place, octets, putters, seconds);
      }
    }
  }
  std::filesystem::remove_all(directory + "/bench");
}
