#include "cli/mail_dns.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>

#include "cli/commands_store.h"
#include "config/input_file.h"
#include "config/room_options.h"
#include "explain/dns_file.h"
#include "net/unbound_resolver.h"

namespace postern::app {

namespace {

/// The time for all queries of a command, as a user waits.
constexpr std::chrono::seconds query_patience{20};
constexpr std::size_t max_questions = 200;

}  // namespace

MailDns::MailDns() = default;
MailDns::~MailDns() = default;

tl::expected<std::unique_ptr<MailDns>, int> MailDns::open(const Arguments& arguments,
                                                          const Config& config, Streams& streams) {
  const bool json = arguments.has("--json");
  std::unique_ptr<MailDns> out(new MailDns);
  if (const auto file = arguments.value("--dns")) {
    auto resolver = dns_from_file(*file, streams.in);
    if (!resolver) {
      report(resolver.error().message,
             "it holds lines of a zone, `example.org. IN TXT \"v=spf1 -all\"`, or JSON: "
             "{\"example.org\": {\"TXT\": [\"v=spf1 -all\"]}}",
             json, streams);
      return tl::unexpected(to_int(exit_code_of(resolver.error().fault)));
    }
    out->resolver_ = std::move(*resolver);
  } else {
    net::UnboundOptions options = resolver_options(config);
    const std::vector<std::string> named = arguments.values("--dns-server");
    if (!named.empty()) options.servers = named;
    auto resolver = net::UnboundResolver::open(out->loop_.get_executor(), std::move(options));
    if (!resolver && resolver.error().fault == Fault::malformed) {
      return tl::unexpected(report_usage({"--dns-server: " + resolver.error().message,
                                          "--dns-server 192.0.2.53 or 192.0.2.53:5353"},
                                         json, streams));
    }
    if (!resolver) {
      report("DNS: " + resolver.error().message, "see `[dns]` and /etc/resolv.conf", json, streams);
      return tl::unexpected(to_int(ExitCode::unavailable));
    }
    out->dnssec_ = (*resolver)->dnssec();
    out->resolver_ = std::move(*resolver);
  }
  out->desk_ = std::make_unique<policy::DnsDesk>(*out->resolver_, out->records_, max_questions,
                                                 config.dns.timeout);
  out->desk_->set_deadline(std::chrono::steady_clock::now() + query_patience);
  return out;
}

void MailDns::run(Task<void> task) {
  std::exception_ptr thrown;
  boost::asio::co_spawn(loop_, std::move(task), [&](std::exception_ptr error) {
    thrown = std::move(error);
    loop_.stop();  // the resolver keeps the loop running
  });
  loop_.restart();
  loop_.run();
  if (thrown) std::rethrow_exception(thrown);
}

namespace {

Task<void> ask_desk(policy::DnsDesk& desk, mailauth::Question question, mailauth::Answer& into) {
  into = co_await desk.ask(std::move(question));
}

}  // namespace

mailauth::Answer MailDns::ask(mailauth::Question question) {
  mailauth::Answer answer;
  run(ask_desk(*desk_, std::move(question), answer));
  return answer;
}

void note_silence(const std::vector<policy::DnsRecord>& records, const Arguments& arguments,
                  Streams& streams) {
  const bool silent = !records.empty() &&
                      std::all_of(records.begin(), records.end(), [](const policy::DnsRecord& one) {
                        return one.answer.trouble();
                      });
  if (!silent || arguments.has("--dns") || arguments.has("--json")) return;
  report(
      "no question got an answer from DNS",
      "is there a name server that this machine can reach? --dns-server ADDR:PORT names another, "
      "--dns FILE works without",
      false, streams);
}

}  // namespace postern::app
