#include "explain/next_hops.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/text.h"
#include "config/relay_options.h"
#include "config/room_options.h"
#include "config/route_tables.h"
#include "config/verification_options.h"
#include "dialect/restrictions/layer.h"
#include "gateway/settings.h"
#include "mail/literal.h"
#include "net/work_pool.h"
#include "policy/own_addresses.h"
#include "relay/destination.h"
#include "relay/route_tables.h"

namespace postern::app {

namespace lists = dialect::restrictions;

namespace {

constexpr std::size_t most_looks = 2'000'000;  ///< at rows of a table

/// The keys of a table's rows; nullopt: they cannot be listed.
std::optional<std::set<std::string>> keys_in(const lists::Table& table) {
  if (table.is_remote() || table.is_pattern() || !table.asked_alike().empty()) return std::nullopt;
  const auto values = table.values();
  // For each value all rows are looked at.
  if (!values || values->size() * table.rows() > most_looks) return std::nullopt;
  std::set<std::string> keys;
  for (const std::string& value : *values) {
    const auto rows = table.rows_with(value, table.rows());
    if (!rows) return std::nullopt;
    for (const lists::Table::Row& row : *rows) keys.insert(lower(row.key));
  }
  return keys;
}

/// A key of a route or of a row, as addresses are written: lower case, A-labels. Empty: it names
/// nobody.
std::string normal_key(std::string_view key) {
  if (key == "*" || key == "<>") return {};
  const std::size_t at = key.rfind('@');
  if (at == std::string_view::npos || at == 0) {
    const std::string_view name = key.substr(at == 0 || key.starts_with('.') ? 1 : 0);
    const auto domain = mail::Domain::parse(name);
    return domain ? domain->text() : lower(name);
  }
  const auto address = mail::parse_mailbox(key, mail::Utf8::allowed);
  if (!address) return lower(key);
  return lower(address->unquoted_local_part()) + "@" + lower(address->domain);
}

std::string text_of_route(const relay::Route& route) {
  std::string text = fmt::format("{}", fmt::join(relay::to_texts(route), ", "));
  if (!route.fallback.empty()) {
    const relay::Route fallback{.kind = relay::Route::Kind::hosts, .hosts = route.fallback};
    text += fmt::format("; fallback {}", fmt::join(relay::to_texts(fallback), ", "));
  }
  return text;
}

}  // namespace

struct NextHops::State {
  explicit State(const Config& config)
      : relay(read_relay(config, RelayFiles::none, [](RelayComplaint) {})),
        verification(verification_of(config.restrictions)) {
    gateway::ListenerSettings listener;
    follow_lists(listener, config.restrictions);
    origin = listener.origin;
    appended = listener.appended_domain;
    const auto* loaded = config.restrictions.loaded();
    if (loaded != nullptr && !loaded->compiled.policy->recipient_delimiter.empty()) {
      const lists::ListPolicy& policy = *loaded->compiled.policy;
      extensions = fmt::format(", without what follows {} but in {}{}", policy.recipient_delimiter,
                               policy.bounce_sender,
                               policy.owner_request_special ? ", owner- and -request" : "");
    }
    for (const RouteConfig& route : config.routes) {
      for (const std::string& key : route.match) add(key, keys.recipients);
      for (const std::string& key : route.sender) add(key, keys.senders);
      keys.by_sender = keys.by_sender || !route.sender.empty();
    }
    open_tables(config);
    add_own(config);
  }

  static void add(std::string_view key, std::set<std::string>& into) {
    std::string normal = normal_key(key);
    if (!normal.empty()) into.insert(std::move(normal));
  }

  void open_tables(const Config& config) {
    const auto none = [](const RouteConfig& route) { return route.tables.empty(); };
    if (std::ranges::all_of(config.routes, none)) return;
    OpenedRouteTables opened = open_route_tables(config, [](std::size_t, const std::string&) {});
    for (const RouteConfig& route : config.routes) {
      for (const std::string& name : route.tables) {
        if (opened.tables.contains(name)) continue;
        remote.insert(name);  // it cannot be read here; the gateway may
        unlisted.insert(name);
      }
    }
    for (const auto& [name, table] : opened.tables) {
      if (table->is_remote()) remote.insert(name);
      if (const auto rows = keys_in(*table)) {
        for (const std::string& key : *rows) add(key, keys.recipients);
      } else {
        unlisted.insert(name);
      }
    }
    pool = std::make_unique<net::WorkPool>(1, 1, "table");  // of remote tables, which nobody asks
    relay.tables = std::make_shared<RouteTables>(std::move(opened), *pool);
  }

  /// The postmasters, the sender of probes, and the addresses of this host that stand for its name.
  void add_own(const Config& config) {
    if (verification != nullptr) {
      add(verification->probe_local + "@" + verification->probe_domain, keys.recipients);
    }
    std::set<std::string> names{lower(config.server.hostname)};
    for (const auto& [listener, name] : listener_hostnames(config)) names.insert(lower(name));
    std::set<std::string> locals{"postmaster"};
    for (const std::string& name : names) keys.recipients.insert("postmaster@" + name);
    for (const std::string& key : keys.recipients) {
      const std::size_t at = key.rfind('@');
      const bool is_own = at != std::string::npos && names.contains(key.substr(at + 1));
      if (is_own) locals.insert(key.substr(0, at));
    }
    std::set<std::string> literals{"[127.0.0.1]"};
    for (const relay::Endpoint& own : relay.routing.self) {
      literals.insert(lower(mail::literal_of(own.address)));
    }
    for (const std::string& literal : literals) {
      keys.recipients.insert(literal);
      for (const std::string& local : locals) keys.recipients.insert(local + "@" + literal);
    }
  }

  mail::Mailbox completed(const mail::Mailbox& address) const {
    return policy::completed(
        address, {.hostname = relay.routing.hostname, .origin = origin, .appended = appended});
  }

  /// Whether mail to it is taken as the answer to a probe, and not delivered.
  bool answers_probe(const mail::Mailbox& to) const {
    return verification != nullptr && verification->may_be_probe_sender(to);
  }

  /// The route of a message, before its tables are asked.
  struct Asked {
    mail::Mailbox to;
    bool is_completed = false;  ///< the domain is not the one that was said
    std::string from;
    const relay::Route& route;

    /// The first of its tables that is among these; null: none is.
    const std::string* table_in(const std::set<std::string>& names) const {
      const auto found = std::ranges::find_if(
          route.tables, [&](const std::string& name) { return names.contains(name); });
      return found == route.tables.end() ? nullptr : &*found;
    }
  };
  Asked asked(const mail::Mailbox& recipient, const std::optional<mail::Mailbox>& sender) const {
    mail::Mailbox to = relay::qualified(completed(recipient), relay, relay.routing.hostname);
    std::string from = sender ? completed(*sender).text() : std::string();
    const relay::Route& route = relay::route_of(relay, to.local_part, to.domain, from);
    const bool is_completed = to.domain != recipient.domain;
    return {
        .to = std::move(to), .is_completed = is_completed, .from = std::move(from), .route = route};
  }

  /// The text of a route. `mx` means the recipient's domain: one that was completed is named.
  static std::string text_for(const Asked& asked, const relay::Route& route) {
    const bool by_domain = route.kind == relay::Route::Kind::mx && route.mx_domain.empty();
    std::string text = text_of_route(route);
    return by_domain && asked.is_completed ? fmt::format("{} of {}", text, asked.to.domain) : text;
  }

  /// As the queue finds it at an attempt.
  std::string found(const Asked& asked) const {
    if (answers_probe(asked.to)) return "nowhere: it answers a probe";
    if (asked.route.tables.empty()) return text_for(asked, asked.route);
    boost::asio::io_context loop(1);
    relay::Way way;
    std::exception_ptr trouble;
    boost::asio::co_spawn(loop,
                          relay::find_way(relay, asked.to.local_part, asked.to.domain, asked.from),
                          [&](std::exception_ptr error, relay::Way result) {
                            trouble = error;
                            way = std::move(result);
                          });
    loop.run();
    if (trouble) std::rethrow_exception(trouble);
    return way.trouble.empty() ? text_for(asked, *way.route) : "waits: " + way.trouble;
  }

  relay::RelayConfig relay;
  std::shared_ptr<const lists::Verification> verification;  ///< null: there are no lists
  std::string origin;                                       ///< policy::OwnNames::origin
  std::string appended;                                     ///< policy::OwnNames::appended
  std::string extensions;  ///< how tables are asked about addresses with one; "": as about others
  Keys keys;
  std::set<std::string> remote;         ///< tables of other programs
  std::set<std::string> unlisted;       ///< tables whose rows cannot be listed
  std::unique_ptr<net::WorkPool> pool;  ///< outlives relay.tables' use
};

NextHops::NextHops(const Config& config) : state_(std::make_unique<State>(config)) {}
NextHops::~NextHops() = default;
NextHops::NextHops(NextHops&&) noexcept = default;

NextHops::Keys NextHops::keys() const { return state_->keys; }

std::optional<std::string> NextHops::of(const mail::Mailbox& recipient,
                                        const std::optional<mail::Mailbox>& sender) const {
  const State::Asked asked = state_->asked(recipient, sender);
  if (asked.table_in(state_->remote) != nullptr) return std::nullopt;
  return state_->found(asked);
}

std::string NextHops::of_all_like(const mail::Mailbox& recipient,
                                  const std::optional<mail::Mailbox>& sender) const {
  const State::Asked asked = state_->asked(recipient, sender);
  const bool is_certain =
      asked.table_in(state_->unlisted) == nullptr || state_->answers_probe(asked.to);
  if (is_certain) return state_->found(asked);
  return fmt::format("as {} say of {}{}, else {}", fmt::join(asked.route.tables, ", "),
                     asked.to.text(), state_->extensions, text_of_route(asked.route));
}

std::string NextHops::unlisted_table(const mail::Mailbox& recipient,
                                     const std::optional<mail::Mailbox>& sender) const {
  const std::string* const table = state_->asked(recipient, sender).table_in(state_->unlisted);
  return table != nullptr ? *table : std::string();
}

std::optional<smtp::Reply> NextHops::refusal(const mail::Mailbox& recipient) const {
  const mail::Mailbox whole = state_->completed(recipient);
  if (state_->answers_probe(whole)) return std::nullopt;
  return relay::refusal_of(whole, state_->relay, state_->relay.routing.hostname);
}

}  // namespace postern::app
