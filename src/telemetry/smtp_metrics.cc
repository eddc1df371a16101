#include "telemetry/smtp_metrics.h"

#include <unordered_map>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::telemetry {

namespace {

constexpr std::string_view verbs[verb_count] = {"HELO", "EHLO",     "MAIL", "RCPT", "DATA",
                                                "QUIT", "STARTTLS", "AUTH", "other"};
constexpr std::string_view reasons[turned_count] = {"limit",    "address_limit", "rate",
                                                    "proxy",    "early_talker",  "draining",
                                                    "replaced", "certificate"};
constexpr std::string_view handshakes[] = {"ok", "failed", "timeout"};

std::uint64_t key_of(std::size_t stage, std::uint16_t code, unsigned klass, unsigned subject,
                     unsigned detail) {
  return static_cast<std::uint64_t>(stage) << 48 | static_cast<std::uint64_t>(code) << 32 |
         static_cast<std::uint64_t>(klass & 0xf) << 24 |
         static_cast<std::uint64_t>(subject & 0xfff) << 12 | (detail & 0xfff);
}

std::string enhanced_text(unsigned klass, unsigned subject, unsigned detail) {
  return klass == 0 ? std::string("none") : fmt::format("{}.{}.{}", klass, subject, detail);
}

std::string_view version_or_none(std::string_view version) {
  return version.empty() ? std::string_view("none") : version;
}

}  // namespace

void protocol_error(smtp::ProtocolError kind) {
  metrics().smtp_protocol_errors.counter({to_string(kind)}).add();
}

ListenerMetrics::ListenerMetrics(Metrics& families, const std::string& listener)
    : families_(families),
      listener_(listener),
      plain_(families.smtp_connections.gauge({listener, "plain"})),
      encrypted_(families.smtp_connections.gauge({listener, "tls"})),
      connections_(families.smtp_connections_total.counter({listener})),
      duration_(families.smtp_session_duration.histogram({listener})),
      size_(families.smtp_message_size.histogram({listener})),
      octets_(families.smtp_receive_bytes.counter({listener})) {
  for (std::size_t i = 0; i < turned_count; ++i) {
    turned_[i] = families.smtp_connections_refused.counter({listener, reasons[i]});
  }
}

void ListenerMetrics::connected() {
  connections_.add();
  plain_.add(1);
}

void ListenerMetrics::handshake(Handshake result, std::string_view version) {
  families_.smtp_tls_handshakes
      .counter({listener_, version_or_none(version), handshakes[static_cast<std::size_t>(result)]})
      .add();
  if (result != Handshake::ok) return;
  plain_.add(-1);
  encrypted_.add(1);
}

void ListenerMetrics::ended(std::string_view version, std::string_view end,
                            std::chrono::nanoseconds took) {
  (version.empty() ? plain_ : encrypted_).add(-1);
  families_.smtp_sessions.counter({listener_, version_or_none(version), end}).add();
  duration_.observe(took);
}

void ListenerMetrics::message(std::string_view result, std::uint64_t octets) {
  families_.smtp_messages_received.counter({listener_, result}).add();
  size_.observe(octets);
  octets_.add(octets);
}

std::atomic<std::uint64_t> DialogueMetrics::next_id{1};

DialogueMetrics::DialogueMetrics(Metrics& families)
    : families_(families), id_(next_id.fetch_add(1)) {
  const std::vector<std::string> codes = reply_codes();
  for (std::size_t place = 0; place < codes.size(); ++place) {
    if (const auto code = parse_number(codes[place])) {
      code_place_[*code] = static_cast<std::uint8_t>(place + 1);  // 0: a code outside the set
    }
  }
  for (const std::string_view verb : verbs) {
    commands_.push_back(families.smtp_commands.counter({verb, "other"}));
    for (const std::string& code : codes) {
      commands_.push_back(families.smtp_commands.counter({verb, code}));
    }
  }
}

void DialogueMetrics::command(Verb verb, std::uint16_t code) {
  const std::size_t codes = commands_.size() / verb_count;
  const std::size_t place = code < code_place_.size() ? code_place_[code] : 0;
  commands_[static_cast<std::size_t>(verb) * codes + place].add();
}

void DialogueMetrics::reply(std::size_t stage, std::uint16_t code, unsigned klass, unsigned subject,
                            unsigned detail) {
  static thread_local std::uint64_t owner = 0;
  static thread_local std::unordered_map<std::uint64_t, Counter> known;
  if (owner != id_) {
    known.clear();
    owner = id_;
  }
  const std::uint64_t key = key_of(stage, code, klass, subject, detail);
  const auto found = known.find(key);
  if (found != known.end()) {
    found->second.add();
    return;
  }
  Counter counter = families_.smtp_replies.counter(
      {stage_name(stage), std::to_string(code), enhanced_text(klass, subject, detail)});
  counter.add();
  // A webhook may choose any code, so the cache is bounded.
  if (known.size() < 1024) known.emplace(key, counter);
}

}  // namespace postern::telemetry
