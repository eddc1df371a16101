// The cost of a trace: a decision of three stages, handing its trace over on the event loop, and
// writing it on the writer's thread.
//   trace_bench [traces] [file]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/ulid.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "policy/gateway_layer.h"
#include "policy/record.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "store/traces.h"

namespace {

using namespace postern;
using namespace postern::policy::testing;

double cpu_seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Bench {
  std::shared_ptr<policy::Webhook> hook = a_webhook("webhook-01hx0000000000000000000000");
  std::shared_ptr<const policy::WebhookPolicy> owner;
  policy::Engine engine{
      {{std::make_shared<dialect::webhook::WebhookLayer>()}, {policy::gateway_layer()}}};
  CountingGatherer gatherer;

  Bench() {
    dialect::webhook::PolicyFields fields;
    fields.name = "high-security";
    fields.allowed_source_ips = {*Cidr::parse("203.0.113.0/24"), *Cidr::parse("198.51.100.42")};
    owner = dialect::webhook::compile("pol_01HX0000000000000000000000", "acc_1", 3, 1, fields);
    hook->policy_id = owner->id;
  }

  /// An accepted message, as the gateway leaves it.
  Task<policy::Trace> transaction() {
    policy::Trace trace;
    trace.id = new_ulid();
    trace.started = std::chrono::system_clock::now();
    policy::Evidence evidence = from_client("203.0.113.10");
    evidence.session.id = new_ulid();
    evidence.consider(recipient_of(hook, owner));
    policy::Decision rcpt = co_await engine.decide(policy::Stage::rcpt, evidence, gatherer);
    trace.note(std::move(rcpt));
    evidence.recipients.push_back(std::move(*evidence.candidate));
    evidence.candidate.reset();
    evidence.message = policy::MessageFacts{4096, 12, 800, 2, 1, "<1@mx.example.com>"};
    policy::Decision end = co_await engine.decide(policy::Stage::message, evidence, gatherer);
    trace.note(std::move(end));
    trace.outcome = "accepted";
    trace.reply = {.code = 250, .enhanced = {2, 0, 0}, .text = "delivered as msg_1"};
    trace.evidence = std::move(evidence);
    co_return trace;
  }

  Task<bool> fill(std::vector<policy::Trace>& traces) {
    for (policy::Trace& trace : traces) {
      policy::Trace made = co_await transaction();
      trace = std::move(made);
    }
    co_return true;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100000;
  const std::string path = argc > 2 ? argv[2] : "trace_bench.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  Bench bench;
  auto writer = store::TraceWriter::open(path);
  if (!writer) {
    std::fprintf(stderr, "%s\n", writer.error().message.c_str());
    return 74;
  }
  double deciding = 0;
  double posting = 0;
  double slowest = 0;
  const double wall = cpu_seconds(CLOCK_MONOTONIC);
  const double all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  std::size_t record_size = 0;
  for (std::size_t done = 0; done < count;) {
    std::vector<policy::Trace> traces(std::min<std::size_t>(2000, count - done));
    const double began = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    run(bench.fill(traces));
    const double decided = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    if (done == 0) record_size = policy::write_record(traces[0]).size();
    const double before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (policy::Trace& trace : traces) (*writer)->post(std::move(trace));
    const double posted = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    deciding += decided - began;
    posting += posted - before;
    slowest = std::max(slowest, (posted - before) / static_cast<double>(traces.size()));
    done += traces.size();
    (*writer)->flush();
  }
  const double writing = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - all - deciding - posting;
  const double took = cpu_seconds(CLOCK_MONOTONIC) - wall;
  const auto each = [count](double seconds) { return seconds / static_cast<double>(count) * 1e6; };
  std::printf("traces                       %zu, record %zu octets, %llu dropped, %llu failed\n",
              count, record_size, static_cast<unsigned long long>((*writer)->dropped()),
              static_cast<unsigned long long>((*writer)->failed()));
  std::printf("decide, 2 stages, 9 checks   %.2f us of CPU a message\n", each(deciding));
  std::printf("post on the event loop       %.2f us of CPU a trace (worst 2000: %.2f)\n",
              each(posting), slowest * 1e6);
  std::printf("write on the writer's thread %.2f us of CPU a trace\n", each(writing));
  std::printf("wall                         %.2f s, %.0f traces/s, %.0f octets a trace on disk\n",
              took, static_cast<double>(count) / took,
              static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(count));
  return 0;
}
