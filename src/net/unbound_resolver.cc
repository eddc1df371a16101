#include "net/unbound_resolver.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/ip.h"
#include "base/shared_pointer.h"
#include "base/text.h"
#include "net/ad_client.h"
#include "net/unbound_context.h"

namespace postern::net {
namespace asio = boost::asio;

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How often a probe's result is polled, and when the probe is given up.
constexpr milliseconds look_at_probe{20};
constexpr milliseconds probe_limit{30'000};
/// How long the replaced backend is kept for lookups that it started: longer than any may take.
constexpr milliseconds retire_after{120'000};

constexpr const char* no_records = "the servers pass no DNSSEC records";
constexpr const char* no_proof = "what the servers say of the root fails validation";
constexpr const char* no_answer = "the servers do not answer queries for the root's keys";
constexpr const char* no_mark = "they mark no answer as authentic (AD)";

using Outcome = DnssecProbe::Outcome;

/// How many successive rounds, `probe_again` apart, must lack all proof before a state that proves
/// less is accepted: forging a few answers must not turn DANE off. An answer that fails validation
/// counts like a missing one.
constexpr int rounds_without_proof = 3;

struct Server {
  IpAddress address;
  std::uint16_t port = 53;
};

Result<Server> server_of(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return fail(Fault::malformed, fmt::format("{} {}", what, printable(text, 80)));
  };
  Server server;
  const Result<HostAndPortView> split = split_port(text);
  if (!split) return wrong("not a name server:");
  if (split->port) {
    server.port = parse_port(*split->port).value_or(0);
    if (server.port == 0) return wrong("not a port in name server");
  }
  const Result<IpAddress> address = IpAddress::parse(split->host);
  if (!address) return wrong("a name server is an IP address, not");
  server.address = *address;
  return server;
}

Result<std::vector<Server>> servers_of(const UnboundOptions& options) {
  std::vector<Server> servers;
  for (const std::string& text : options.servers) {
    const Result<Server> server = server_of(text);
    if (!server) return tl::unexpected(server.error());
    servers.push_back(*server);
  }
  if (!options.servers.empty() || options.resolv_conf.empty()) return servers;
  std::ifstream lines(options.resolv_conf);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, address;
    if (!(words >> keyword >> address) || !iequals(keyword, "nameserver")) continue;
    // libunbound's syntax has no zone for link-local addresses.
    if (const auto server = IpAddress::parse(address.substr(0, address.find('%'))))
      servers.push_back({.address = *server});
  }
  return servers;
}

/// The pending probe of the servers, each kind in a backend of its own: a backend with a trust
/// anchor finds every name bogus behind servers that do not pass signatures.
struct Round {
  steady_clock::time_point begun = steady_clock::now();
  std::shared_ptr<Lookups> validating;
  std::shared_ptr<Lookups> trusting;
  std::string anchor;                     ///< the file's content as `validating` has read it
  std::string why;                        ///< why it does not validate
  std::string words;                      ///< the resolver's own message about that
  Outcome validated = Outcome::insecure;  ///< also if it could not be probed
  Outcome trusted = Outcome::insecure;
};

/// The result of a round of probes.
struct Found {
  DnssecState state;
  std::shared_ptr<Lookups> backend;  ///< implements `state`; null: the current one does
};

/// Empty if the file cannot be read; trust_anchor_trouble() gives the reason.
std::string text_of_file(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

Result<std::vector<std::string>> name_servers(const UnboundOptions& options) {
  const Result<std::vector<Server>> servers = servers_of(options);
  if (!servers) return tl::unexpected(servers.error());
  std::vector<std::string> out;
  for (const Server& server : *servers) out.push_back(server.address.to_string());
  return out;
}

class UnboundResolver::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::any_io_executor executor, UnboundOptions options, std::vector<Server> servers)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        servers_(std::move(servers)),
        timer_(std::make_shared<asio::steady_timer>(executor_)) {}

  Result<void> open();
  void begin_watch();
  void end_watch() { timer_->cancel(); }
  std::weak_ptr<Lookups> current() const { return current_.load(); }
  DnssecState dnssec() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

 private:
  enum class Anchor : bool { none, file };

  Result<std::shared_ptr<Lookups>> context(Anchor anchor) const;
  Result<std::shared_ptr<Lookups>> trusting_client() const;
  std::string server_list() const;
  bool on_loopback() const;

  Result<std::shared_ptr<Lookups>> first_backend();
  DnssecState first_state() const;
  void begin_round();
  void begin_trusting();
  std::optional<Found> look();
  void take(Found found);
  bool stands(const DnssecState& before, const Round& round, const DnssecState& found);
  void say(const DnssecState& state);
  steady_clock::time_point next_turn();
  static Task<void> watch(std::weak_ptr<State> weak, std::shared_ptr<asio::steady_timer> timer);

  const asio::any_io_executor executor_;
  const UnboundOptions options_;
  const std::vector<Server> servers_;
  const std::shared_ptr<asio::steady_timer> timer_;
  SharedPointer<Lookups> current_;
  mutable std::mutex mutex_;  ///< guards `state_`
  DnssecState state_;
  // For the loop's thread only, once the loop runs.
  bool listening_ = false;
  std::optional<Round> round_;
  std::string anchor_;  ///< the file's content as used by the current backend; empty: no validation
  int without_proof_ = 0;           ///< successive rounds without proof
  steady_clock::time_point due_{};  ///< start of the next round
  std::shared_ptr<Lookups> retired_;
  steady_clock::time_point retired_until_{};
};

std::string UnboundResolver::State::server_list() const {
  std::vector<std::string> names;
  for (const Server& server : servers_) names.push_back(server.address.to_string());
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<std::shared_ptr<Lookups>> UnboundResolver::State::context(Anchor anchor) const {
  UnboundContextOptions options{
      .message_cache_bytes = options_.message_cache_bytes,
      .record_cache_bytes = options_.record_cache_bytes,
      .lookups = options_.lookups,
  };
  for (const Server& server : servers_)
    options.servers.push_back(fmt::format("{}@{}", server.address.to_string(), server.port));
  if (anchor == Anchor::file) {
    if (const auto trouble = trust_anchor_trouble(options_.trust_anchor_file))
      return fail(Fault::permanent, *trouble);
    options.trust_anchor_file = options_.trust_anchor_file;
  }
  auto opened = UnboundContext::open(executor_, options);
  if (!opened) return tl::unexpected(opened.error());
  return std::shared_ptr<Lookups>(std::move(*opened));
}

Result<std::shared_ptr<Lookups>> UnboundResolver::State::trusting_client() const {
  std::vector<std::string> servers;
  for (const Server& server : servers_) {
    const std::string address = server.address.to_string();
    servers.push_back(server.address.is_v4() ? fmt::format("{}:{}", address, server.port)
                                             : fmt::format("[{}]:{}", address, server.port));
  }
  if (servers.empty())
    return fail(Fault::permanent,
                "`dnssec = \"trust-ad\"` trusts name servers, and none is named: write "
                "`dns.servers`");
  const auto transport = on_loopback() ? AdClient::Transport::any : AdClient::Transport::streams;
  auto opened = AdClient::open(servers, options_.lookups, transport);
  if (!opened) return tl::unexpected(opened.error());
  return std::shared_ptr<Lookups>(std::move(*opened));
}

/// RFC 4035 §4.9.3: the AD bit may be trusted only if the path to the server is secure.
bool UnboundResolver::State::on_loopback() const {
  return !servers_.empty() &&
         std::all_of(servers_.begin(), servers_.end(),
                     [](const Server& server) { return server.address.is_loopback(); });
}

Result<std::shared_ptr<Lookups>> UnboundResolver::State::first_backend() {
  if (options_.dnssec == Dnssec::validate) return context(Anchor::file);
  if (options_.dnssec == Dnssec::trust_ad) return trusting_client();
  return context(Anchor::none);
}

DnssecState UnboundResolver::State::first_state() const {
  switch (options_.dnssec) {
    case Dnssec::validate:
      return {.kind = DnssecState::Kind::validating, .trouble = no_answer};
    case Dnssec::trust_ad:
      return {.kind = DnssecState::Kind::trusting, .trouble = no_answer, .servers = server_list()};
    case Dnssec::off:
      return {.trouble = "`dns.dnssec` says so"};
    case Dnssec::automatic:
      break;
  }
  return {.trouble = no_answer};
}

Result<void> UnboundResolver::State::open() {
  state_ = first_state();
  // Errors of opening are reported before anyone waits.
  if (options_.dnssec == Dnssec::validate) anchor_ = text_of_file(options_.trust_anchor_file);
  Result<std::shared_ptr<Lookups>> first = first_backend();
  if (!first) return tl::unexpected(first.error());
  current_.store(std::move(*first));
  if (options_.dnssec != Dnssec::off) {
    begin_round();
    const auto end = steady_clock::now() + options_.probe_wait;
    while (round_ && steady_clock::now() < end) {
      if (std::optional<Found> found = look()) {
        take(std::move(*found));
      } else {
        std::this_thread::sleep_for(milliseconds(2));
      }
    }
  }
  current_.load()->listen();
  listening_ = true;
  retired_.reset();
  return {};
}

void UnboundResolver::State::begin_round() {
  round_.emplace();
  if (options_.dnssec == Dnssec::trust_ad) return begin_trusting();
  round_->anchor = text_of_file(options_.trust_anchor_file);  // read before libunbound reads it
  auto validating = context(Anchor::file);
  if (validating && (*validating)->begin_probe()) {
    round_->validating = std::move(*validating);
    return;
  }
  round_->why = validating ? "the resolver cannot be asked" : validating.error().message;
  if (options_.dnssec == Dnssec::automatic) begin_trusting();
}

void UnboundResolver::State::begin_trusting() {
  if (options_.dnssec == Dnssec::automatic && !on_loopback()) return;
  auto trusting = trusting_client();
  if (trusting && (*trusting)->begin_probe()) round_->trusting = std::move(*trusting);
}

/// The result of the round; nullopt: still pending.
std::optional<Found> UnboundResolver::State::look() {
  using Kind = DnssecState::Kind;
  Round& round = *round_;
  const bool overdue = steady_clock::now() > round.begun + probe_limit;
  if (round.validating) {
    std::optional<DnssecProbe> probe = round.validating->probed();
    if (!probe && overdue) probe.emplace();
    if (!probe) return std::nullopt;
    Found found{.state = {.kind = Kind::validating}, .backend = std::move(round.validating)};
    round.validated = probe->outcome;
    if (probe->outcome == Outcome::secure) return found;
    round.why = probe->outcome == Outcome::silent  ? no_answer
                : probe->outcome == Outcome::bogus ? no_proof
                                                   : no_records;
    round.words = printable(probe->why, 300);
    if (options_.dnssec == Dnssec::validate) {
      found.state.trouble = round.why;
      found.state.words = round.words;
      return found;
    }
    begin_trusting();
  }
  if (round.trusting) {
    std::optional<DnssecProbe> probe = round.trusting->probed();
    if (!probe && overdue) probe.emplace();
    if (!probe) return std::nullopt;
    Found found{.state = {.kind = Kind::trusting, .servers = server_list()},
                .backend = std::move(round.trusting)};
    round.trusted = probe->outcome;
    if (probe->outcome == Outcome::secure) return found;
    if (options_.dnssec == Dnssec::trust_ad) {
      round.why = probe->outcome == Outcome::silent ? no_answer : no_mark;
      round.words.clear();
      found.state.trouble = round.why;
      return found;
    }
  }
  return Found{.state = {.kind = Kind::off, .trouble = round.why, .words = round.words}};
}

/// Whether the previous state is kept because it proved more.
bool UnboundResolver::State::stands(const DnssecState& before, const Round& round,
                                    const DnssecState& found) {
  if (!before.proves() || (found.proves() && found.kind <= before.kind)) {
    without_proof_ = 0;
    return false;
  }
  // A server that is silent for a while can still do what it could before.
  const Outcome outcome =
      before.kind == DnssecState::Kind::trusting ? round.trusted : round.validated;
  if (outcome == Outcome::insecure && ++without_proof_ >= rounds_without_proof) return false;
  if (outcome != Outcome::silent && before.doubt.empty()) {
    DnssecState doubtful = before;
    doubtful.doubt = round.why;
    doubtful.words = round.words;
    say(doubtful);
  }
  return true;
}

/// Ends the round and applies its result.
void UnboundResolver::State::take(Found found) {
  const Round round = std::move(*round_);
  round_.reset();
  const DnssecState before = dnssec();
  const bool stays = stands(before, round, found.state);
  const bool proves = found.state.proves();
  const bool answered = round.validated == Outcome::insecure && round.trusted == Outcome::insecure;
  due_ = steady_clock::now() +
         (!stays && (proves || answered) ? options_.probe_every : options_.probe_again);
  if (stays) return;
  const std::string anchor =
      found.state.kind == DnssecState::Kind::validating ? round.anchor : std::string();
  const bool other_anchor = proves && anchor != anchor_;
  if (found.state.kind != before.kind || other_anchor) {
    if (!found.backend) {
      auto plain = context(Anchor::none);
      if (!plain) return;  // tried again in the next round
      found.backend = std::move(*plain);
    }
    retired_ = current_.load();
    retired_until_ = steady_clock::now() + retire_after;
    if (listening_) found.backend->listen();
    current_.store(std::move(found.backend));
    anchor_ = anchor;
    without_proof_ = 0;
  }
  if (found.state != before || other_anchor) say(found.state);
}

void UnboundResolver::State::say(const DnssecState& state) {
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
  }
  if (listening_ && options_.on_change) options_.on_change(state);
}

/// Does what is due now; returns the time of the next turn.
steady_clock::time_point UnboundResolver::State::next_turn() {
  const auto now = steady_clock::now();
  if (retired_ && now >= retired_until_) retired_.reset();
  if (!round_ && now >= due_) begin_round();
  if (round_) {
    if (std::optional<Found> found = look()) take(std::move(*found));
  }
  if (round_) return now + look_at_probe;
  return retired_ ? std::min(due_, retired_until_) : due_;
}

Task<void> UnboundResolver::State::watch(std::weak_ptr<State> weak,
                                         std::shared_ptr<asio::steady_timer> timer) {
  for (;;) {
    {
      const std::shared_ptr<State> self = weak.lock();
      if (!self) co_return;
      timer->expires_at(self->next_turn());
    }
    const auto [error] = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
  }
}

void UnboundResolver::State::begin_watch() {
  if (options_.dnssec == Dnssec::off) return;
  asio::co_spawn(executor_, watch(weak_from_this(), timer_), asio::detached);
}

UnboundResolver::UnboundResolver(std::shared_ptr<State> state) : state_(std::move(state)) {}
UnboundResolver::~UnboundResolver() { state_->end_watch(); }

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::open(asio::any_io_executor executor,
                                                               UnboundOptions options) {
  Result<std::vector<Server>> servers = servers_of(options);
  if (!servers) return tl::unexpected(servers.error());
  auto state =
      std::make_shared<State>(std::move(executor), std::move(options), std::move(*servers));
  if (Result<void> opened = state->open(); !opened)
    return tl::unexpected<Error>(std::move(opened.error()));
  state->begin_watch();
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(state)));
}

Task<dns::Answer> UnboundResolver::lookup_for(std::string client, dns::Question question,
                                              std::chrono::milliseconds limit) {
  if (question.name.empty()) co_return dns::Answer{.status = dns::Status::nx_domain};
  co_return co_await Lookups::lookup(state_->current(), std::move(client), std::move(question),
                                     limit);
}

DnssecState UnboundResolver::dnssec() const { return state_->dnssec(); }

}  // namespace postern::net
