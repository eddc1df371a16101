#include "policy/authentication.h"

#include <algorithm>
#include <utility>

#include "mailauth/arc/validate.h"
#include "mailauth/dkim/verify.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/spf/check_host.h"
#include "mailauth/spf/record.h"
#include "policy/inquiry.h"
#include "policy/questions/dkim.h"
#include "policy/questions/spf.h"

namespace postern::policy {

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t unix_time(const AuthenticationOptions& options) {
  if (options.now) return *options.now;
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

mailauth::Answer to_mailauth(const dns::Answer& answer) {
  using Status = mailauth::Answer::Status;
  switch (answer.status) {
    case dns::Status::found:
      return {.status = Status::found, .records = answer.records};
    case dns::Status::no_data:
      return {.status = Status::no_data, .records = {}};
    case dns::Status::nx_domain:
      return {.status = Status::nx_domain, .records = {}};
    case dns::Status::server_failure:
    case dns::Status::timeout:
    case dns::Status::bogus:  // RFC 4035 §5.5: data that fails validation is not used
      break;
  }
  return {.status = Status::failure, .records = {}};
}

DnsRecord* DnsDesk::find(const dns::Question& question, bool in_shadow) {
  const auto found = std::ranges::find_if(records_, [&](const DnsRecord& one) {
    return one.question == question && (in_shadow || !one.in_shadow);
  });
  return found == records_.end() ? nullptr : &*found;
}

Task<mailauth::Answer> DnsDesk::ask(mailauth::Question question) {
  static_assert(static_cast<int>(mailauth::RecordType::txt) == static_cast<int>(dns::Type::txt));
  dns::Question asked{.name = std::move(question.name),
                      .type = static_cast<dns::Type>(question.type)};
  if (const DnsRecord* known = find(asked, in_shadow_)) co_return to_mailauth(known->answer);
  dns::Answer answer;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  if (left <= std::chrono::milliseconds::zero()) {
    answer.status = dns::Status::timeout;
  } else if (queries_ == 0) {
    answer.status = dns::Status::server_failure;
  } else {
    --queries_;
    DnsRecord* known = find(asked, true);
    if (known != nullptr && !known->answer.trouble()) {
      known->in_shadow = false;
      co_return to_mailauth(known->answer);
    }
    answer = co_await resolver_.lookup(asked, std::min(left, question_within_));
  }
  mailauth::Answer result = to_mailauth(answer);
  records_.push_back({std::move(asked), std::move(answer)});
  co_return result;
}

Need reported_needs(bool refused, const Evidence& evidence) {
  if (refused && !evidence.spf) return Need::dkim;
  return Need::spf | Need::dkim | Need::dmarc | Need::arc;
}

struct MessageAuthentication::Message {
  std::shared_ptr<mailauth::HeaderCollector> header;
  mailauth::dkim::Verifier dkim;
  mailauth::arc::Validator arc;
  std::size_t readers = 0;  ///< octets of memory of dkim and arc: fixed once the body has begun
  bool over = false;

  Message(const mailauth::HeaderLimits& limits, mailauth::dkim::VerifyOptions dkim_options,
          mailauth::arc::Options arc_options)
      : header(std::make_shared<mailauth::HeaderCollector>(limits)),
        dkim(std::move(dkim_options)),
        arc(std::move(arc_options)) {}

  void feed(std::string_view chunk) {
    if (!header->complete()) {
      chunk.remove_prefix(header->feed(chunk));
      if (!header->complete()) return;
      begin_body();
    }
    dkim.feed(chunk);
    arc.feed(chunk);
  }

  void begin_body() {
    dkim.begin_body(header);
    arc.begin_body(header);
    readers = dkim.memory() + arc.memory();
  }

  /// The message is complete.
  void end(Evidence& evidence) {
    if (!std::exchange(over, true)) {
      if (!header->complete()) {
        header->finish();
        begin_body();
      }
      arc.finish();
    }
    if (!evidence.author) evidence.author = mailauth::dmarc::author_of(header->view());
  }
};

MessageAuthentication::MessageAuthentication(const AuthenticationOptions& options,
                                             AuthenticationCaches& caches, dns::Resolver& resolver,
                                             Timed timed)
    : options_(options),
      caches_(caches),
      resolver_(resolver),
      timed_(timed),
      questions_left_(options.queries),
      shadow_questions_left_(options.queries) {}

MessageAuthentication::~MessageAuthentication() = default;

void MessageAuthentication::begin(const DomainSet* preferred) {
  std::vector<std::string> domains;
  if (preferred != nullptr) {
    for (const std::string& entry : preferred->entries()) {
      domains.push_back(entry.starts_with('.') ? entry.substr(1) : entry);
    }
  }
  message_ = std::make_unique<Message>(
      options_.header,
      mailauth::dkim::VerifyOptions{.max_signatures = options_.signatures,
                                    .preferred_domains = std::move(domains),
                                    .skew_seconds = options_.skew_seconds,
                                    .header = {},
                                    .cache = &caches_.keys},
      mailauth::arc::Options{.now = unix_time(options_),
                             .skew = options_.skew_seconds,
                             .header = {},
                             .keys = &caches_.keys});
}

void MessageAuthentication::feed(std::string_view chunk) { message_->feed(chunk); }

std::size_t MessageAuthentication::memory() const {
  return message_ ? message_->header->memory() + message_->readers : 0;
}

Task<void> find_spf(Evidence& evidence, DnsDesk& desk, const AuthenticationOptions& options,
                    mailauth::spf::RecordCache* cache) {
  mailauth::spf::Request request{
      .client = evidence.session.client_ip,
      .helo = evidence.session.helo,
      .mail_from = evidence.reverse_path ? evidence.reverse_path->text() : std::string()};
  auto check = mailauth::spf::check_host(
      std::move(request), {.want_explanation = false,  // never shown to anybody (RFC 7208 §11.5)
                           .receiver = options.receiver,
                           .now = unix_time(options),
                           .cache = cache});
  evidence.spf = co_await desk.run(check);
}

Task<void> MessageAuthentication::find_dkim(Evidence& evidence, DnsDesk& desk) {
  if (!message_) {
    evidence.author.emplace();
    evidence.dkim.emplace();
    co_return;
  }
  message_->end(evidence);
  auto check = message_->dkim.finish(unix_time(options_));
  evidence.dkim = co_await desk.run(check);
}

Task<void> MessageAuthentication::find_arc(Evidence& evidence, DnsDesk& desk) {
  if (!message_) {
    evidence.arc.emplace();
    co_return;
  }
  message_->end(evidence);
  auto check = message_->arc.evaluate();
  evidence.arc = co_await desk.run(check);
}

mailauth::dmarc::Request dmarc_request(const Evidence& evidence) {
  using mailauth::dmarc::Identifier;
  using Outcome = Identifier::Outcome;
  mailauth::dmarc::Request request;
  if (evidence.spf) {
    using Says = questions::Spf::Says;
    const Says says = questions::spf(evidence).says;
    request.spf.domain = evidence.spf->domain;
    request.spf.outcome = says == Says::authorised   ? Outcome::pass
                          : says == Says::unanswered ? Outcome::temperror
                                                     : Outcome::other;
  }
  for (const mailauth::dkim::SignatureResult& one : evidence.dkim->signatures) {
    // A signature that is not acceptable does not count (docs/mailauth.md, "DKIM").
    using Says = questions::Dkim::Says;
    const Says says = questions::says(one);
    request.dkim.push_back({.outcome = says == Says::vouched      ? Outcome::pass
                                       : says == Says::unanswered ? Outcome::temperror
                                                                  : Outcome::other,
                            .domain = one.signature.domain});
  }
  return request;
}

Task<void> find_dmarc(Evidence& evidence, DnsDesk& desk, const AuthenticationOptions& options) {
  auto check = mailauth::dmarc::evaluate_author(evidence.author.value_or(mailauth::dmarc::Author{}),
                                                dmarc_request(evidence),
                                                {.mode = options.dmarc, .draw = {}});
  evidence.dmarc = co_await desk.run(check);
}

Task<void> MessageAuthentication::find(Need needs, Evidence& evidence,
                                       std::optional<Clock::time_point> deadline) {
  if (has(needs, Need::dmarc)) needs = needs | Need::spf | Need::dkim;
  needs = missing(needs, evidence);
  DnsDesk desk(resolver_, evidence, left(evidence), options_.question_within);
  Clock::time_point began;
  const auto allow = [&](std::chrono::milliseconds time) {
    began = Clock::now();
    desk.set_deadline(deadline.value_or(began + time));
  };
  const auto found = [&](std::string_view verdict) {
    if (timed_ != nullptr) timed_(verdict, Clock::now() - began);
  };
  if (has(needs, Need::spf)) {
    allow(options_.decide_within);
    co_await find_spf(evidence, desk, options_, &caches_.records);
    found("spf");
  }
  if (has(needs, Need::dkim)) {
    allow(options_.decide_within / 2);
    co_await find_dkim(evidence, desk);
    found("dkim");
  }
  if (has(needs, Need::dmarc)) {
    allow(options_.decide_within / 2);
    co_await find_dmarc(evidence, desk, options_);
    found("dmarc");
  }
  if (has(needs, Need::arc)) {
    allow(options_.decide_within / 2);
    co_await find_arc(evidence, desk);
    found("arc");
  }
  left(evidence) = desk.left();
}

Task<void> MessageAuthentication::gather(Need needs, Evidence& evidence) {
  return find(needs, evidence, std::nullopt);
}

Task<void> MessageAuthentication::ask(dns::Question question, Evidence& evidence) {
  DnsDesk desk(resolver_, evidence, left(evidence), options_.question_within);
  co_await desk.ask(
      {.name = std::move(question.name), .type = static_cast<mailauth::RecordType>(question.type)});
  left(evidence) = desk.left();
}

Task<void> MessageAuthentication::report(Need needs, Evidence& evidence) {
  return find(needs, evidence, Clock::now() + options_.report_within);
}

}  // namespace postern::policy
