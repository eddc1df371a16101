// The cost of .vsl rules (docs/benchmarks.md): the whole rule set of the Doe family, over all
// stages of a message, with every DNS answer in memory. `message` includes the evidence that the
// rules ask for (SPF, DKIM, DMARC); `rules_alone` has it already, as after a layer that asked
// before.
#include <cstdio>
#include <cstdlib>

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "dialect/script_record.h"
#include "dialect/vsl/layer.h"
#include "dns/recorded_resolver.h"
#include "policy/authentication.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "script/test_world.h"

namespace {

using namespace postern;
using policy::Stage;

namespace asio = boost::asio;

constexpr std::string_view main_text = R"(
import "objects" as doe;
#{
  connect: [ rule "blocklist" || if client_ip() in doe::blocked { deny() } else { next() } ],
  helo: [ rule "own name" || if helo() in doe::own_names { deny() } else { next() } ],
  mail: [
    rule "relay mail from" || check_mail_relay(doe::internal_net),
    rule "check spf" || check_spf("both", "soft"),
  ],
  rcpt: [ rule "relay rcpt" || check_rcpt_relay(doe::internal_net) ],
  preq: [
    action "subject" || {
      if get_header("Subject").starts_with("[list]") { prepend_header("X-List", "yes"); }
    },
    rule "dmarc" || check_dmarc(),
  ],
  postq: [
    action "sign dkim" || {
      if in_domain(mail_from()) {
        dkim_sign("2022-09");
      } else {
        dkim_verify();
      }
    },
    action "copies" || { if rcpt() == doe::jane { bcc(doe::john); } },
  ],
}
)";
constexpr std::string_view objects_text = R"(
object internal_net rg4 = "192.168.0.0/24";
object john address = "john@doe-family.com";
object jane address = "jane@doe-family.com";
object blocked group = [ object bad_a ip4 = "203.0.113.66", object bad_net rg4 = "203.0.113.128/25" ];
object own_names group = [ object own fqdn = "doe-family.com", object own_mx fqdn = "mx.doe-family.com" ];
)";
constexpr std::string_view zone = R"({
  "sender.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
  "_dmarc.sender.example": {"TXT": ["v=DMARC1; p=reject"]}
})";
constexpr std::string_view message_text =
    "From: A <a@sender.example>\r\nTo: jane@doe-family.com\r\n"
    "Date: Mon, 15 Jan 2024 10:00:00 +0000\r\nSubject: a subject\r\n"
    "Message-ID: <b@sender.example>\r\n\r\nHello.\r\n";

/// Gathers evidence as the gateway does, with answers from memory.
class Gatherer final : public policy::Gatherer {
 public:
  Gatherer(const policy::AuthenticationOptions& options, policy::AuthenticationCaches& caches,
           dns::Resolver& resolver)
      : authentication_(options, caches, resolver) {
    authentication_.begin(nullptr);
    authentication_.feed(message_text);
  }
  Task<void> gather(policy::Need needs, policy::Evidence& evidence) override {
    return authentication_.gather(needs, evidence);
  }
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    return authentication_.ask(std::move(question), evidence);
  }
  std::optional<std::string_view> message() override { return message_text; }

 private:
  policy::MessageAuthentication authentication_;
};

std::shared_ptr<const dialect::vsl::VslPolicy> family() {
  static script::testing::TestWorld world;
  dialect::vsl::VslPolicyOptions options;
  options.path = "main.vsl";
  options.files =
      std::make_shared<const std::map<std::string, std::string>>(std::map<std::string, std::string>{
          {"main.vsl", std::string(main_text)}, {"objects.vsl", std::string(objects_text)}});
  options.site.domain = options.site.hostname = "doe-family.com";
  options.run = dialect::run_alone;
  auto loaded = dialect::vsl::VslPolicy::load(std::move(options), world);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().front().to_string().c_str());
    std::exit(1);
  }
  return *loaded;
}

Task<void> one_message(const dialect::vsl::VslLayer& layer, policy::Evidence& evidence,
                       policy::Gatherer& gatherer, std::vector<policy::Step>& steps) {
  evidence.reverse_path = mail::Mailbox{"a", "sender.example"};
  for (const Stage stage : {Stage::connect, Stage::helo, Stage::mail, Stage::rcpt, Stage::message,
                            Stage::queued, Stage::delivery}) {
    if (!layer.speaks_at(stage)) continue;
    if (stage == Stage::rcpt) {
      evidence.consider({.address = mail::Mailbox{"jane", "doe-family.com"}, .route = {}});
    }
    policy::Tape tape;
    policy::Inquiry inquiry(evidence, gatherer, tape);
    const policy::Ruling ruling = co_await layer.judge(stage, inquiry, steps);
    if (ruling.verdict.refuses()) {
      std::fprintf(stderr, "refused: %s\n", ruling.verdict.reply.to_string().c_str());
      std::exit(1);
    }
    if (stage == Stage::rcpt) {
      evidence.recipients.push_back(*evidence.candidate);
      evidence.candidate.reset();
    }
  }
}

void measure(benchmark::State& state, bool evidence_is_there) {
  const auto policy = family();
  const dialect::vsl::VslLayer layer(policy);
  const auto resolver = *dns::RecordedResolver::parse(zone);
  const policy::AuthenticationOptions options{.receiver = "doe-family.com"};
  policy::AuthenticationCaches caches;
  asio::io_context loop;
  asio::co_spawn(
      loop,
      [&]() -> Task<void> {
        std::vector<policy::Step> steps;
        policy::Evidence known = policy::testing::from_client("198.51.100.7");
        known.reverse_path = mail::Mailbox{"a", "sender.example"};
        Gatherer first(options, caches, *resolver);
        co_await first.gather(policy::Need::dmarc, known);
        for (auto _ : state) {
          state.PauseTiming();
          steps.clear();
          policy::Evidence evidence = policy::testing::from_client("198.51.100.7");
          if (evidence_is_there) evidence = known;
          Gatherer gatherer(options, caches, *resolver);
          state.ResumeTiming();
          co_await one_message(layer, evidence, gatherer, steps);
        }
        state.counters["steps"] = static_cast<double>(steps.size());
      },
      [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
      });
  loop.run();
}

void message(benchmark::State& state) { measure(state, false); }
BENCHMARK(message);
void rules_alone(benchmark::State& state) { measure(state, true); }
BENCHMARK(rules_alone);

void load(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(family());
}
BENCHMARK(load);

}  // namespace

BENCHMARK_MAIN();
