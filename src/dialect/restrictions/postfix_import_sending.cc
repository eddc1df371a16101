// Outgoing mail and authentication: relayhost, transport_maps, the transports of domains, the maps
// by sender, password and TLS policy maps become [[route]]s; the source addresses of each transport
// become a pool of them; Dovecot an [[auth.source]].
#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include "base/ip.h"
#include "base/shown.h"
#include "base/text.h"
#include "dialect/restrictions/lmdb_text.h"
#include "dialect/restrictions/postfix_import_parts.h"
#include "dialect/restrictions/table_source.h"
#include "dialect/restrictions/transport_row.h"
#include "policy/questions/domain_below.h"

namespace postern::dialect::restrictions {

namespace {

/// The most rows of a table that become routes.
constexpr std::size_t most_imported_rows = 2000;

struct Row {
  std::string key;
  std::string value;
};

struct ImportedRoute {
  std::vector<std::string> match;
  std::vector<std::string> sender;  ///< empty: for all senders
  NextHops hops;
  std::string transport = "smtp";  ///< whose settings it has
  std::string tls;
  std::vector<std::string> names;
  std::string user;
  std::string password_file;
  std::string_view origin;
};

std::string_view without_proxy(std::string_view spec) {
  while (spec.starts_with("proxy:")) spec.remove_prefix(6);
  return spec;
}

class Builder {
 public:
  Builder(const Parameters& parameters, const MasterCf& master, const ImportOptions& options)
      : parameters_(parameters), master_(master), options_(options) {}

  Sending build() {
    read_relay_host();
    read_transports();
    read_class_transports();
    read_senders();
    read_ways();
    read_tls();
    read_tls_policies();
    read_passwords();
    read_logins();
    for (const ImportedRoute& route : routes_) write(route);
    tell_where_mail_goes();
    for (const std::string_view name :
         {"mydestination", "virtual_mailbox_domains", "virtual_alias_domains", "relay_domains"}) {
      find_homeless(name);
    }
    leave_out_what_is_no_text();
    return std::move(out_);
  }

 private:
  bool is_smtp(std::string_view transport) const { return master_.is_smtp_client(transport); }
  bool is_set(std::string_view name) const {
    return parameters_.is_set(name) && !parameters_.text(name).empty();
  }
  void judge(std::string_view name, Judgement judgement) {
    if (parameters_.is_set(name)) out_.judgements[std::string(name)] = std::move(judgement);
  }

  // --- tables ---

  static void add_trouble(std::string& trouble, std::string_view more) {
    if (!trouble.empty()) trouble += "; ";
    trouble += more;
  }

  /// A table as messages name it: what is written out in the parameter itself may be a password.
  static std::string without_rows(std::string_view spec) {
    const std::size_t colon = spec.find(':');
    const std::string_view type = spec.substr(0, colon);
    if (type == "static" || spec.find('{') != std::string_view::npos) return printable(type, 80);
    return printable(spec, 80);
  }

  /// The rows of the tables that a parameter names, in order; of equal keys the first counts, as
  /// Postfix searches tables in order. Adds to `trouble` what could not be read.
  std::vector<Row> rows_of(std::string_view name, std::string& trouble) {
    std::vector<Row> rows;
    std::set<std::string> seen;
    const auto words = parameters_.words(name);
    if (!words) {
      trouble = words.error().message;
      return rows;
    }
    for (const Word& word : *words) add_rows(word.text, rows, seen, trouble);
    return rows;
  }

  /// The rows of one table.
  void add_rows(std::string_view spec, std::vector<Row>& rows, std::set<std::string>& seen,
                std::string& trouble) {
    spec = without_proxy(spec);
    const std::size_t colon = spec.find(':');
    if (colon == std::string_view::npos || !is_exact_type(spec.substr(0, colon))) {
      add_trouble(trouble, fmt::format("the rows of {} cannot be listed; write a [[route]] for "
                                       "each destination",
                                       without_rows(spec)));
      return;
    }
    const std::string path(spec.substr(colon + 1));
    auto text = options_.read ? options_.read(path)
                              : Result<std::string>(fail(Fault::not_found, "not looked at"));
    if (!text && options_.read && spec.starts_with("lmdb:")) {
      const std::string compiled = path + ".lmdb";
      if (auto octets = options_.read(compiled)) text = source_text(compiled, std::move(*octets));
    }
    if (!text) {
      const std::string why = printable(text.error().message, 200);
      const bool names_it = why.find(printable(path, 80)) != std::string::npos;
      add_trouble(trouble, names_it
                               ? why
                               : fmt::format("{} could not be read: {}", printable(path, 80), why));
      return;
    }
    std::vector<std::size_t> no_text;
    for (LogicalLines lines(*text); lines.next();) {
      const std::string_view line = lines.text();
      const std::size_t length = key_length(line);
      if (length == 0 || length >= line.size()) continue;
      if (!is_utf8(line)) {
        no_text.push_back(lines.number());
        continue;
      }
      std::string key = lower(line.substr(0, length));
      if (!seen.insert(key).second) continue;
      if (rows.size() == most_imported_rows) {
        add_trouble(trouble,
                    fmt::format("only the first {} rows became routes", most_imported_rows));
        break;
      }
      rows.push_back({std::move(key), std::string(trim(line.substr(length)))});
    }
    if (!no_text.empty()) {
      add_trouble(
          trouble,
          fmt::format(
              "{} line {}{} left out: {}", printable(path, 80), no_text.front(),
              no_text.size() > 1 ? fmt::format(" and {} more are", no_text.size() - 1) : " is",
              not_utf8));
    }
  }

  // --- routes ---

  /// Adds the pattern to an existing route to the same hops; the first route of a pattern counts.
  void add(std::string match, NextHops hops, std::string_view origin,
           const std::string& transport = "smtp") {
    if (!matched_.insert(match).second) return;
    const auto same = std::ranges::find_if(routes_, [&](const ImportedRoute& one) {
      return one.hops.to == hops.to && one.origin == origin && one.transport == transport;
    });
    if (same != routes_.end()) {
      same->match.push_back(std::move(match));
      return;
    }
    ImportedRoute route;
    route.match = {std::move(match)};
    route.hops = std::move(hops);
    route.origin = origin;
    route.transport = transport;
    routes_.push_back(std::move(route));
  }
  /// A keyword instead of next hops: "mx".
  static NextHops hops_of(std::string word) {
    NextHops hops;
    hops.to.push_back(std::move(word));
    return hops;
  }
  /// The same for a route with a keyword.
  void add(std::string match, std::string word, std::string_view origin,
           const std::string& transport = "smtp") {
    add(std::move(match), hops_of(std::move(word)), origin, transport);
  }

  /// The next hops that a parameter lists.
  static NextHops hops_in(const Parameters& settings, std::string_view name) {
    const auto words = settings.words(name);
    std::vector<std::string_view> texts;
    if (words) {
      for (const Word& word : *words) texts.push_back(word.text);
    }
    return next_hops_of(texts);
  }

  void read_relay_host() {
    if (!is_set("relayhost")) {
      judge("relayhost", carried("mail goes to the MX hosts of its domain, as it does here"));
      return;
    }
    relay_ = hops_in(parameters_, "relayhost");
    const std::string& trouble = relay_.trouble;
    if (relay_.to.empty()) {
      judge("relayhost", not_supported(trouble.empty() ? "names no next hop" : trouble));
    }
  }

  /// The route of all mail that matches no other route; null: none yet.
  const ImportedRoute* route_of_all() const {
    const auto found = std::ranges::find_if(routes_, [](const ImportedRoute& one) {
      return one.sender.empty() && std::ranges::find(one.match, "*") != one.match.end();
    });
    return found == routes_.end() ? nullptr : &*found;
  }
  /// Why a parameter that would set this route does not.
  static std::string taken_by(const ImportedRoute& all) {
    return all.origin == "default_transport" ? "default_transport names a next hop"
                                             : fmt::format("{} has a row for *", all.origin);
  }

  void add_relay_host() {
    if (relay_.to.empty()) return;
    const std::string& trouble = relay_.trouble;
    const std::string also = trouble.empty() ? "" : ": " + trouble;
    if (const ImportedRoute* all = route_of_all()) {
      return judge("relayhost",
                   relay_is_used_ ? changed(fmt::format("the next hop of rows that name none; {}{}",
                                                        taken_by(*all), also))
                                  : meaningless("not used: " + taken_by(*all)));
    }
    add("*", relay_, "relayhost", default_transport());
    const std::string route = "[[route]] match = [\"*\"]";
    judge("relayhost", trouble.empty() ? carried(route) : changed(route + also));
  }

  /// One row of transport_maps. Keys that get no route are added to `left`.
  void add_transport(const Row& row, std::string_view origin, std::set<std::string>& left) {
    const auto [transport, rest] = transport_of(row.value);
    if (!is_pattern(row.key)) {
      left.insert(printable(row.key, 80));
      return;
    }
    if (transport == "discard") return add(row.key, "discard", origin);
    if (transport == "error") return add(row.key, error_of(rest), origin);
    if (transport == "retry") return add(row.key, retry_of(rest), origin);
    const std::string service = transport.empty() ? "smtp" : transport;
    if (!transport.empty() && !is_smtp(transport)) {
      left.insert(fmt::format("{} ({})", printable(row.key, 80), printable(transport, 40)));
      return;
    }
    if (rest.empty()) {
      if (transport.empty()) return add_default(row.key, origin, left);
      return add(row.key, "mx", origin, service);
    }
    NextHops hops = next_hops_in(rest);
    if (hops.to.empty()) {
      left.insert(printable(row.key, 80));
      return;
    }
    add(row.key, std::move(hops), origin, service);
  }

  /// "example.org :", which hides the rows after it: mail goes where it goes without a table
  /// (transport(5)).
  void add_default(const std::string& key, std::string_view origin, std::set<std::string>& left) {
    std::string domain = key.substr(key.find('@') == std::string::npos ? 0 : key.find('@') + 1);
    while (domain.starts_with('.')) domain.erase(0, 1);
    const Class* its_class = class_of(domain);
    const std::string_view parameter =
        its_class != nullptr ? its_class->transport : "default_transport";
    const bool written = is_set(parameter);
    if (!written && its_class != nullptr && its_class->has_mailboxes) {
      left.insert(printable(key, 80) + " (a mailbox)");
      return;
    }
    const std::string value = written ? parameters_.text(parameter) : "smtp";
    const auto [transport, next_hop] = transport_of(value);
    if (!transport.empty() && (!is_smtp(transport) || !next_hop.empty())) {
      return add_transport({key, value}, origin, left);
    }
    const std::string service = transport.empty() ? "smtp" : transport;
    if (relay_.to.empty()) return add(key, "mx", origin, service);
    relay_is_used_ = true;
    add(key, relay_, origin, service);
  }

  struct Class {
    std::string_view transport;
    std::string_view domains;
    bool has_mailboxes;
  };
  static constexpr Class classes[] = {{"relay_transport", "relay_domains", false},
                                      {"virtual_transport", "virtual_mailbox_domains", true},
                                      {"local_transport", "mydestination", true}};

  /// The class that lists the domain by name; null: none.
  const Class* class_of(std::string_view domain) const {
    // In the order of trivial-rewrite(8): local domains first.
    for (const Class& one : std::views::reverse(classes)) {
      const auto words = parameters_.words(one.domains);
      for (const Word& word : words ? *words : std::vector<Word>()) {
        const std::string name = lower(word.text);
        const bool below = !one.has_mailboxes && policy::questions::domain_below(domain, name);
        if (domain == name || below) return &one;
      }
    }
    return nullptr;
  }

  static bool is_pattern(std::string_view key) {
    if (key.find('*') != std::string_view::npos) return key == "*";
    return key.find('.') != std::string_view::npos || key.find('@') != std::string_view::npos;
  }

  /// Whether Postern reads this type of table.
  static bool can_be_opened(std::string_view spec) {
    spec = without_proxy(spec);
    const std::size_t colon = spec.find(':');
    const ForeignWords foreign = foreign_words(spec);
    return colon != std::string_view::npos && foreign.types.empty();
  }

  /// Whether a table of transport_maps cannot be listed, so that all of them are asked: then the
  /// order among them stays.
  bool ask_tables() {
    const auto words = parameters_.words("transport_maps");
    if (!words) return false;
    const auto has_rows = [](const Word& word) {
      const std::string_view spec = without_proxy(word.text);
      return is_exact_type(spec.substr(0, spec.find(':')));
    };
    if (std::ranges::all_of(*words, has_rows)) return false;
    for (const Word& word : *words) {
      if (!is_utf8(word.text) || !can_be_opened(word.text)) return false;
    }
    for (const Word& word : *words) tables_.push_back(word.text);
    return true;
  }

  void read_transports() {
    if (!is_set("transport_maps")) {
      judge("transport_maps", carried("no table"));
      return;
    }
    std::string trouble;
    const bool asked = ask_tables();
    const std::vector<Row> rows = asked ? std::vector<Row>() : rows_of("transport_maps", trouble);
    std::set<std::string> left;
    for (const Row& row : rows) add_transport(row, "transport_maps", left);
    if (asked) {
      return judge(
          "transport_maps",
          changed("tables of the [[route]] for all recipients, asked at each attempt; rows "
                  "with a transport other than smtp, relay, discard, error and retry let "
                  "mail wait"));
    }
    if (!left.empty()) {
      add_trouble(trouble, "not carried: " + listed(left));
    }
    if (rows.empty() && !trouble.empty()) {
      judge("transport_maps", not_supported(trouble));
    } else {
      judge("transport_maps",
            changed("[[route]]s, as its rows are now" + (trouble.empty() ? "" : "; " + trouble)));
    }
  }

  static std::string listed(const std::set<std::string>& names) {
    std::string out;
    std::size_t count = 0;
    for (const std::string& name : names) {
      if (++count > 5) return out + fmt::format(" and {} more", names.size() - 5);
      out += (out.empty() ? "" : ", ") + name;
    }
    return out;
  }

  /// relay_transport and similar ones: the transport of all domains of a class.
  void read_class_transports() {
    for (const Class& one : classes) {
      if (!is_set(one.transport)) continue;
      const std::string value = parameters_.text(one.transport);
      const auto [transport, next_hop] = transport_of(value);
      if (!is_smtp(transport) && transport != "error" && transport != "discard") {
        continue;  // delivers to mailboxes; judged by its name
      }
      if (is_smtp(transport) && next_hop.empty() && goes_to_mx(one)) {
        judge(one.transport, carried("mail goes to the MX hosts of its domain"));
        const auto words = parameters_.words(one.domains);
        for (const Word& word : words ? *words : std::vector<Word>())
          out_.routed.insert(lower(word.text));
        continue;
      }
      std::set<std::string> left;
      std::size_t routes = 0;
      const auto words = parameters_.words(one.domains);
      for (const Word& word : words ? *words : std::vector<Word>()) {
        if (add_class_domain(one, word.text, value, left)) ++routes;
      }
      const std::string sections = fmt::format("[[route]]s of {}", one.domains);
      if (words && words->empty()) {
        judge(one.transport, meaningless(fmt::format("{} names no domain", one.domains)));
      } else if (left.empty() && !tables_.empty() && routes > 0 &&
                 std::ranges::any_of(*words, [](const Word& word) {
                   return word.text.find(':') != std::string::npos;
                 })) {
        judge(one.transport, changed(fmt::format("tables of the [[route]] for all recipients: what "
                                                 "{} holds is asked at each attempt",
                                                 one.domains)));
      } else if (!left.empty() && routes > 0) {
        judge(one.transport, changed(sections + "; not carried: " + listed(left)));
      } else if (!left.empty()) {
        judge(one.transport, not_supported("write a [[route]] for each domain: " + listed(left)));
      } else if (routes == 0) {
        judge(one.transport,
              not_supported(fmt::format("the domains of {} cannot be listed; write a [[route]] for "
                                        "each",
                                        one.domains)));
      } else {
        judge(one.transport, carried(sections));
      }
    }
    // The next hop of default_transport takes precedence over relayhost.
    if (is_set("default_transport")) read_default_transport();
    add_relay_host();
  }

  /// Whether mail of the class goes to the MX hosts without a [[route]]: relayed mail follows
  /// relayhost in Postfix too, mail for mailboxes does not.
  bool goes_to_mx(const Class& its_class) const {
    const bool alone =
        relay_.to.empty() && route_of_all() == nullptr && !is_set("default_transport");
    return !its_class.has_mailboxes || alone;
  }

  /// One domain of a class. False: there is no route for it, and `left` says why.
  bool add_class_domain(const Class& its_class, const std::string& text, const std::string& value,
                        std::set<std::string>& left) {
    const std::string domain = lower(text);
    const std::size_t before = left.size();
    if (text.find_first_of(":/") != std::string::npos) {
      if (ask_class(text, value)) return true;
      left.insert(printable(text, 80) + " (its domains cannot be listed)");
    } else if (is_stand_in(domain, parameters_)) {
      left.insert("$myhostname (not set)");
    } else if (!is_pattern(domain)) {
      left.insert(printable(text, 80) + " (a [[route]] wants a dot in the name)");
    } else {
      add_transport({domain, value}, its_class.transport, left);
      if (!its_class.has_mailboxes && !domain.starts_with('.')) {
        add_transport({"." + domain, value}, its_class.transport, left);
      }
      return left.size() == before;
    }
    return false;
  }

  /// The domains of a class in a table: a row there leads to the transport of the class. False: it
  /// is no table, or its rows are of no use for that.
  bool ask_class(const std::string& text, const std::string& value) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || text.starts_with('!') || !is_utf8(text) || !is_utf8(value) ||
        value.find_first_of("{}") != std::string::npos || !can_be_opened(text)) {
      return false;
    }
    const auto [transport, next_hop] = transport_of(value);
    const std::string way = is_smtp(transport) ? fmt::format("smtp:{}", next_hop) : value;
    if (is_smtp(transport) && !trim(next_hop).empty() && next_hops_in(next_hop).to.empty())
      return false;
    tables_.push_back(fmt::format("pipemap:{{{}, static:{{{}}}}}", text, way));
    return true;
  }

  // --- by sender ---

  /// The name of the transport of mail to other domains; "smtp" if it is no SMTP client.
  std::string default_transport() const {
    const std::string value = parameters_.text("default_transport");
    const std::string name = transport_of(value).name;
    return !name.empty() && is_smtp(name) ? name : "smtp";
  }

  /// The rows of a map by sender. Keys that are no sender are added to `left`.
  std::vector<Row> sender_rows(std::string_view name, std::string& trouble,
                               std::set<std::string>& left) {
    std::vector<Row> rows = is_set(name) ? rows_of(name, trouble) : std::vector<Row>();
    std::erase_if(rows, [&](const Row& row) {
      const std::size_t at = row.key.rfind('@');
      const bool is_sender = row.key == "<>" || (at != std::string::npos &&
                                                 row.key.find('.', at) != std::string::npos);
      if (!is_sender) left.insert(printable(row.key, 80));
      return !is_sender;
    });
    return rows;
  }

  /// The row of a sender: its own, else that of its domain.
  static const Row* row_of(const std::vector<Row>& rows, const std::string& sender) {
    const Row* row = find(rows, sender);
    const std::size_t at = sender.rfind('@');
    if (row == nullptr && at != std::string::npos && at > 0) row = find(rows, sender.substr(at));
    return row;
  }

  void add_for(const std::string& sender, NextHops hops, std::string_view origin,
               const std::string& transport) {
    const auto same = std::ranges::find_if(routes_, [&](const ImportedRoute& one) {
      return !one.sender.empty() && one.hops.to == hops.to && one.transport == transport;
    });
    // A password may belong to one sender.
    if (same != routes_.end() && !by_sender_) {
      same->sender.push_back(sender);
      return;
    }
    ImportedRoute route;
    route.match = {"*"};
    route.sender = {sender};
    route.hops = std::move(hops);
    route.transport = transport;
    route.origin = origin;
    routes_.push_back(std::move(route));
  }

  /// sender_dependent_relayhost_maps and sender_dependent_default_transport_maps: in place of
  /// relayhost and default_transport, for the mail of some senders.
  void read_senders() {
    constexpr std::string_view hosts_name = "sender_dependent_relayhost_maps";
    constexpr std::string_view transports_name = "sender_dependent_default_transport_maps";
    by_sender_ = parameters_.flag("smtp_sasl_auth_enable").value_or(false) &&
                 parameters_.flag("smtp_sender_dependent_authentication").value_or(false);
    std::string hosts_trouble;
    std::string transports_trouble;
    std::string passwords_trouble;  // read_passwords() tells of it
    std::set<std::string> hosts_left;
    std::set<std::string> transports_left;
    std::set<std::string> no_sender;
    const auto hosts = sender_rows(hosts_name, hosts_trouble, hosts_left);
    const auto transports = sender_rows(transports_name, transports_trouble, transports_left);
    const auto passwords =
        by_sender_ ? sender_rows("smtp_sasl_password_maps", passwords_trouble, no_sender)
                   : std::vector<Row>();
    if (const std::string why = no_route_by_sender(); !why.empty()) {
      for (const std::string_view name : {hosts_name, transports_name}) {
        if (is_set(name)) judge(name, meaningless(why));
      }
      return;
    }
    std::set<std::string> senders;
    for (const auto* rows : {&hosts, &transports, &passwords}) {
      for (const Row& row : *rows) senders.insert(row.key);
    }
    const std::string usual =
        is_set("default_transport") ? parameters_.text("default_transport") : std::string("smtp");
    for (const std::string& sender : senders) {
      const Row* const own = row_of(transports, sender);
      const auto [transport, rest] = transport_of(own != nullptr ? own->value : usual);
      if (own != nullptr && transport == "discard") {
        add_for(sender, hops_of("discard"), transports_name, "smtp");
        continue;
      }
      if (!transport.empty() && !is_smtp(transport)) {
        if (own != nullptr) {
          transports_left.insert(
              fmt::format("{} ({})", printable(sender, 80), printable(transport, 40)));
        }
        continue;
      }
      const Row* const host = row_of(hosts, sender);
      const bool to_host = rest.empty() && host != nullptr && !iequals(host->value, "DUNNO");
      NextHops hops = !rest.empty() ? next_hops_in(rest)
                      : to_host     ? next_hops_in(host->value)
                                    : relay_;
      if (rest.empty() && !to_host && hops.to.empty()) hops = hops_of("mx");
      if (hops.to.empty()) {
        (to_host ? hosts_left : transports_left).insert(printable(sender, 80));
        continue;
      }
      if (host != nullptr && !iequals(host->value, "DUNNO")) {
        NextHops relayed = next_hops_in(host->value);
        if (!relayed.to.empty()) hosts_by_sender_.emplace_back(sender, std::move(relayed));
      }
      if (!hops.trouble.empty()) {
        add_trouble(to_host ? hosts_trouble : transports_trouble,
                    fmt::format("{}: {}", printable(sender, 80), hops.trouble));
      }
      add_for(sender, std::move(hops), own != nullptr ? transports_name : hosts_name,
              transport.empty() ? "smtp" : transport);
    }
    if (by_sender_ && passwords.empty()) {
      judge("smtp_sender_dependent_authentication",
            not_supported("smtp_sasl_password_maps has no row for a sender" +
                          (passwords_trouble.empty() ? "" : ": " + passwords_trouble)));
    } else if (by_sender_) {
      judge("smtp_sender_dependent_authentication",
            carried("auth_user of the [[route]] of a sender that has a password of its own"));
    } else if (!parameters_.flag("smtp_sender_dependent_authentication").value_or(false)) {
      judge("smtp_sender_dependent_authentication", carried("passwords belong to next hops"));
    }
    judge_senders(hosts_name, hosts, hosts_trouble, hosts_left);
    judge_senders(transports_name, transports, transports_trouble, transports_left);
  }

  /// Why the maps by sender decide nothing; empty: they do.
  std::string no_route_by_sender() const {
    const ImportedRoute* const all = route_of_all();
    if (all == nullptr) return {};
    if (all->origin == "transport_maps") return "not used: " + taken_by(*all);
    if (all->hops.to.front().starts_with("error:5") && tables_.empty()) {
      return "default_transport refuses every recipient, and a [[route]] by sender can be no "
             "exception to that";
    }
    return {};
  }

  void judge_senders(std::string_view name, const std::vector<Row>& rows, std::string& trouble,
                     const std::set<std::string>& left) {
    if (!is_set(name)) return;
    if (!left.empty()) add_trouble(trouble, "not carried: " + listed(left));
    if (rows.empty() && !trouble.empty()) return judge(name, not_supported(trouble));
    judge(name, changed("[[route]]s with a sender, as its rows are now" +
                        (trouble.empty() ? "" : "; " + trouble)));
  }

  // --- the settings of transports ---

  /// How the mail of a transport leaves.
  struct Way {
    std::string v4;
    std::string v6;
    std::string ehlo;
    NextHops fallback;
    std::string pool;  ///< the name of its [[egress]]; "": none
    bool has_addresses() const { return !v4.empty() || !v6.empty(); }
  };

  Parameters settings_of(const std::string& transport) const {
    const MasterService* const service = master_.transport(transport);
    return service == nullptr ? parameters_ : parameters_of(*service, parameters_);
  }

  /// The way of a transport; the first use makes its [[egress]].
  const Way& way_of(const std::string& transport) {
    const auto [at, fresh] = ways_.try_emplace(transport);
    Way& way = at->second;
    if (!fresh) return way;
    const Parameters settings = settings_of(transport);
    const auto address = [&](std::string_view name) {
      return IpAddress::parse(settings.text(name)) ? settings.text(name) : std::string();
    };
    way.v4 = address("smtp_bind_address");
    way.v6 = address("smtp_bind_address6");
    way.ehlo = settings.text("smtp_helo_name");
    way.fallback = hops_in(settings, "smtp_fallback_relay");
    for (std::string& to : way.fallback.to) {
      if (!to.starts_with("mx:")) continue;
      to.erase(0, 3);
      way.fallback.trouble = "one host is used directly, not its MX hosts";
    }
    if (!way.has_addresses()) return way;
    for (const auto& [name, other] : ways_) {
      if (name == transport || other.pool.empty()) continue;
      if (other.v4 == way.v4 && other.v6 == way.v6 && other.ehlo == way.ehlo) way.pool = other.pool;
    }
    if (!way.pool.empty()) return way;
    way.pool = transport == "smtp"   ? "main"
               : transport == "main" ? "main-transport"
                                     : printable(transport, 60);
    TomlSection egress{.name = "egress", .entries = {}};
    auto& entries = egress.entries;
    entries.push_back({"egress", "pool", toml_quoted(way.pool), ""});
    entries.push_back({"egress", "name", toml_quoted(way.pool), ""});
    // What master.cf sets has no line in main.cf.
    const MasterService* const service = master_.transport(transport);
    const auto put = [&](std::string_view key, const std::string& value, std::string_view name) {
      if (value.empty()) return;
      const bool own = service != nullptr && service->sets(name);
      entries.push_back({"egress", key, toml_quoted(value), own ? std::string_view() : name});
    };
    put("v4", way.v4, "smtp_bind_address");
    put("v6", way.v6, "smtp_bind_address6");
    put("ehlo", way.ehlo, "smtp_helo_name");
    out_.sections.push_back(std::move(egress));
    return way;
  }

  /// Source addresses, name in EHLO and fallback hosts of main.cf; those of a service are read when
  /// a route has its transport.
  void read_ways() {
    const std::string usual = default_transport();
    const Way& way = way_of(usual);
    if (!way.v4.empty()) judge("smtp_bind_address", carried("[[egress]]"));
    if (!way.v6.empty()) judge("smtp_bind_address6", carried("[[egress]]"));
    if (!way.ehlo.empty() && way.has_addresses()) {
      judge("smtp_helo_name", carried("ehlo of the [[egress]]"));
    }
    const std::string& trouble = way.fallback.trouble;
    if (is_set("smtp_fallback_relay")) {
      const std::string said = "fallback of the [[route]]s";
      judge("smtp_fallback_relay", way.fallback.to.empty() ? not_supported(trouble)
                                   : trouble.empty()       ? carried(said)
                                                           : changed(said + ": " + trouble));
    }
    if (!tables_.empty()) add("*", "mx", "transport_maps", usual);
    if (way.has_addresses()) {
      add("*", "mx", way.v4.empty() ? "smtp_bind_address6" : "smtp_bind_address", usual);
    } else if (!way.fallback.to.empty()) {
      add("*", "mx", "smtp_fallback_relay", usual);
    }
    add_relayed(!way.fallback.to.empty());
  }

  /// What is said only of mail to other domains must not hold for relayed domains, whose transport
  /// is relay_transport: they get routes of their own then. relayhost and
  /// sender_dependent_relayhost_maps count for both.
  void add_relayed(bool others_fall_back) {
    const Class& its_class = classes[0];
    const auto [name, next_hop] =
        transport_of(is_set(its_class.transport) ? parameters_.text(its_class.transport) : "relay");
    if (!is_smtp(name) || !next_hop.empty() || !is_set(its_class.domains)) return;
    const ImportedRoute* const all = route_of_all();
    const bool elsewhere = all != nullptr && all->origin == "default_transport";
    const bool by_transport = std::ranges::any_of(routes_, [](const ImportedRoute& one) {
      return one.origin == "sender_dependent_default_transport_maps";
    });
    const bool loses_fallback = others_fall_back && way_of(name).fallback.to.empty();
    if (!elsewhere && !by_transport && !loses_fallback) return;
    const NextHops hops = relay_.to.empty() ? hops_of("mx") : relay_;
    std::vector<std::string> patterns;
    const auto words = parameters_.words(its_class.domains);
    for (const Word& word : words ? *words : std::vector<Word>()) {
      const std::string domain = lower(word.text);
      if (domain.find(':') != std::string::npos) {
        ask_class(word.text, "smtp:" + (relay_.written.empty() ? "" : relay_.written.front()));
        continue;
      }
      if (domain.find_first_of("/!$") != std::string::npos || !is_pattern(domain) ||
          is_stand_in(domain, parameters_)) {
        continue;
      }
      for (const std::string& pattern : {domain, "." + domain}) {
        if (pattern.starts_with("..") || matched_.contains(pattern)) continue;
        add(pattern, hops, its_class.domains, name);
        patterns.push_back(pattern);
      }
    }
    if (patterns.empty()) return;
    for (const auto& [sender, host] : hosts_by_sender_) {
      ImportedRoute route;
      route.match = patterns;
      route.sender = {sender};
      route.hops = host;
      route.transport = name;
      route.origin = "sender_dependent_relayhost_maps";
      routes_.push_back(std::move(route));
    }
  }

  void read_default_transport() {
    const std::string value = parameters_.text("default_transport");
    const auto [transport, next_hop] = transport_of(value);
    std::set<std::string> left;
    if (is_smtp(transport) && next_hop.empty()) {
      return judge("default_transport", carried("mail is passed on by SMTP"));
    }
    if (const ImportedRoute* all = route_of_all()) {
      return judge("default_transport", meaningless("not used: " + taken_by(*all)));
    }
    add_transport({"*", value}, "default_transport", left);
    judge("default_transport", left.empty() ? carried("[[route]] match = [\"*\"]")
                                            : not_supported("mail is passed on only by SMTP"));
  }

  // --- TLS ---

  struct Level {
    std::string_view word;  ///< a value of relay.tls and route.tls; "": there is none
    std::string_view difference;
  };
  static Level level_of(std::string_view level) {
    if (level == "none" || level == "may" || level == "encrypt") return {level, ""};
    if (level == "dane") return {"may", ""};
    if (level == "dane-only") {
      return {"encrypt", "a domain that publishes no TLSA records must still encrypt"};
    }
    if (level == "verify" || level == "secure") return {"verify", ""};
    return {"", "name the certificate in tlsa of a [[route]] (docs/relay.md)"};
  }

  void read_tls() {
    std::string level = lower(parameters_.text("smtp_tls_security_level"));
    std::string_view origin = "smtp_tls_security_level";
    for (const std::string_view old : {"smtp_enforce_tls", "smtp_use_tls"}) {
      if (!parameters_.is_set(old)) continue;
      if (!level.empty()) {
        judge(old, meaningless("smtp_tls_security_level decides"));
      } else if (parameters_.flag(old).value_or(false)) {
        level = old == "smtp_use_tls" ? "may" : "verify";
        origin = old;
      } else {
        judge(old, carried("switched off"));
      }
    }
    if (level.empty()) return;
    const Level ours = level_of(level);
    if (ours.word.empty()) {
      return judge(origin, not_supported(std::string(ours.difference)));
    }
    out_.relay.push_back({"relay", "tls", toml_quoted(ours.word), origin});
    const std::string key = fmt::format("relay.tls = \"{}\"", ours.word);
    if (!ours.difference.empty()) {
      judge(origin, changed(fmt::format("{}: {}", key, ours.difference)));
    } else if (level == "may" || level == "encrypt" || level == "verify" || level == "secure") {
      judge(origin, changed(key + ": published TLSA records are enforced too (relay.dane)"));
    } else {
      if (level == "none") out_.relay.push_back({"relay", "dane", "false", origin});
      judge(origin, carried(key));
    }
  }

  void read_tls_policies() {
    if (!is_set("smtp_tls_policy_maps")) return;
    std::string trouble;
    const std::vector<Row> rows = rows_of("smtp_tls_policy_maps", trouble);
    std::map<std::string, std::set<std::string>> left;  ///< by reason
    for (const Row& row : rows) {
      const auto words = split_words(row.value);
      if (!words || words->empty()) continue;
      const std::string word = lower(words->front().text);
      if (word == "dane") continue;
      const Level level = level_of(word);
      std::vector<std::string> names;
      for (std::size_t i = 1; i < words->size(); ++i) {
        const std::string& attribute = (*words)[i].text;
        if (!attribute.starts_with("match=")) continue;
        for (const std::string_view name : split(std::string_view(attribute).substr(6), ':')) {
          if (name != "nexthop" && name != "dot-nexthop" && name != "hostname" &&
              !name.starts_with('.')) {
            names.emplace_back(name);
          }
        }
      }
      std::string why = level.word.empty() ? std::string(level.difference)
                        : word == "dane-only"
                            ? "no [[route]] requires TLSA records; published ones are enforced"
                            : hold(row.key, level.word, names);
      if (!why.empty()) left[std::move(why)].insert(printable(row.key, 80));
    }
    for (const auto& [why, keys] : left) {
      add_trouble(trouble, fmt::format("not carried: {} ({})", listed(keys), why));
    }
    judge("smtp_tls_policy_maps", rows.empty() && !trouble.empty()
                                      ? not_supported(trouble)
                                      : changed("tls of [[route]]s, as its rows are now" +
                                                (trouble.empty() ? "" : "; " + trouble)));
  }

  /// Applies a level to a next hop or a domain. Returns why no route can have it; empty: one has.
  std::string hold(const std::string& key, std::string_view level,
                   const std::vector<std::string>& names) {
    bool found = false;
    for (ImportedRoute& route : routes_) {
      const bool hop = std::ranges::any_of(
          route.hops.written, [&](const std::string& one) { return iequals(one, key); });
      if (!hop) continue;
      route.tls = level;
      route.names = names;
      found = true;
    }
    if (found) return {};
    if (key.starts_with('[')) return "this is not the form of a next hop";
    if (!is_pattern(key)) return "a [[route]] wants a dot in the name";
    // Postfix looks up the next hop, so the row does not apply here.
    if (matched_.contains("*") || matched_.contains(key)) {
      return "a [[route]] sends this mail to another next hop, to which the row does not apply in "
             "Postfix either";
    }
    matched_.insert(key);
    ImportedRoute route;
    route.match = {key};
    route.hops.to = {"mx"};
    route.transport = default_transport();
    route.tls = level;
    if (level == "verify") route.names = names;
    route.origin = "smtp_tls_policy_maps";
    routes_.push_back(std::move(route));
    return {};
  }

  // --- passwords ---

  void read_passwords() {
    const bool on = parameters_.flag("smtp_sasl_auth_enable").value_or(false);
    if (!on) {
      judge("smtp_sasl_auth_enable", carried("no [[route]] has a password"));
      if (is_set("smtp_sasl_password_maps")) {
        judge("smtp_sasl_password_maps", meaningless("smtp_sasl_auth_enable is not on"));
      }
      return;
    }
    std::string trouble;
    const std::vector<Row> rows = rows_of("smtp_sasl_password_maps", trouble);
    std::set<std::string> used;
    std::map<std::string, std::string> names;  ///< of files, by the key of the row
    for (ImportedRoute& route : routes_) {
      for (const std::string& hop : route.hops.written) {
        const Row* row =
            by_sender_ && route.sender.size() == 1 ? row_of(rows, route.sender.front()) : nullptr;
        if (row == nullptr) row = find(rows, lower(hop));
        if (row == nullptr) row = find(rows, lower(next_hop_of(hop).host));
        if (row == nullptr) continue;
        const std::size_t colon = row->value.find(':');
        if (colon == std::string::npos) continue;
        route.user = row->value.substr(0, colon);
        const auto [known, fresh] = names.try_emplace(row->key);
        if (fresh) {
          known->second =
              secret_name(row->key.find('@') == std::string::npos ? hop : row->key, names);
          out_.secrets.push_back({known->second, row->value.substr(colon + 1) + "\n"});
        }
        const std::string& name = known->second;
        used.insert(row->key);
        route.password_file =
            options_.folder.empty() ? "credential:" + name : options_.folder + "/" + name;
        if (route.tls.empty()) route.tls = "verify";
        break;
      }
    }
    std::set<std::string> left;
    for (const Row& row : rows) {
      if (!used.contains(row.key)) left.insert(printable(row.key, 80));
    }
    if (!left.empty()) {
      add_trouble(trouble, "no route leads to " + listed(left));
    }
    const std::string said =
        "auth_user and auth_password of the [[route]], whose host must have a certificate for its "
        "name (tls = \"verify\") before it gets the password";
    judge("smtp_sasl_auth_enable",
          used.empty() ? not_supported("smtp_sasl_password_maps has no password for a next hop")
                       : changed(said));
    judge("smtp_sasl_password_maps",
          used.empty() ? not_supported(trouble.empty() ? "it has no row for a next hop" : trouble)
                       : changed(said + (trouble.empty() ? "" : "; " + trouble)));
    if (!used.empty() && options_.folder.empty()) {
      out_.notes.push_back(
          "passwords are not printed: with --out FILE each is written beside it, into a file that "
          "only its owner can read; here they are credential:NAME");
    }
  }

  static const Row* find(const std::vector<Row>& rows, std::string_view key) {
    const auto found = std::ranges::find_if(rows, [&](const Row& one) { return one.key == key; });
    return found == rows.end() || key.empty() ? nullptr : &*found;
  }

  /// A file name for a next hop's password that is not in use: "smart.example.net-587.password".
  static std::string secret_name(const std::string& hop,
                                 const std::map<std::string, std::string>& taken) {
    std::string stem;
    for (const char c : hop) {
      if (is_alnum(c) || c == '.' || c == '-' || c == '_') {
        stem += c;
      } else if (c == ':' || c == '@') {
        stem += '-';
      }
    }
    while (stem.starts_with('.') || stem.starts_with('-')) stem.erase(0, 1);
    if (stem.empty()) stem = "hop";
    const auto is_taken = [&](const std::string& name) {
      return std::ranges::any_of(taken, [&](const auto& one) { return iequals(one.second, name); });
    };
    std::string name = stem + ".password";
    for (std::size_t i = 2; is_taken(name); ++i) name = fmt::format("{}-{}.password", stem, i);
    return name;
  }

  // --- authentication ---

  void read_logins() {
    const bool on = parameters_.flag("smtpd_sasl_auth_enable").value_or(false);
    if (!on) {
      for (const std::string_view name : {"smtpd_sasl_type", "smtpd_sasl_path"}) {
        judge(name, meaningless("smtpd_sasl_auth_enable is not on"));
      }
      return;
    }
    const std::string type = lower(parameters_.text("smtpd_sasl_type"));
    if (type != "dovecot") {
      const std::string note = fmt::format(
          "{} is not used; name where the accounts are in an [[auth.source]] (docs/auth.md)",
          type == "cyrus" ? "Cyrus SASL" : printable(type, 40));
      judge("smtpd_sasl_auth_enable", changed(note));
      judge("smtpd_sasl_type", not_supported(note));
      judge("smtpd_sasl_path", not_supported(note));
      if (!parameters_.is_set("smtpd_sasl_type")) out_.notes.push_back("smtpd_sasl_type: " + note);
      return;
    }
    std::string path = parameters_.text("smtpd_sasl_path");
    if (path.starts_with("inet:")) {
      judge("smtpd_sasl_type", changed("[[auth.source]] of the kind dovecot asks a socket"));
      judge("smtpd_sasl_auth_enable", changed("no client can log in until an [[auth.source]] says "
                                              "where the accounts are (docs/auth.md)"));
      return judge("smtpd_sasl_path",
                   not_supported("Dovecot is asked on its socket; name it in an [[auth.source]] of "
                                 "the kind dovecot"));
    }
    if (path.starts_with("unix:")) path.erase(0, 5);
    if (!path.starts_with('/')) {
      out_.login_socket = path;
      path = parameters_.text("queue_directory") + "/" + path;
    }
    out_.sections.push_back(
        {.name = "auth.source",
         .entries = {{"auth.source", "kind", "\"dovecot\"", "smtpd_sasl_type"},
                     {"auth.source", "file", toml_quoted(path), "smtpd_sasl_path"}}});
    judge("smtpd_sasl_type", carried("[[auth.source]] kind"));
    judge("smtpd_sasl_path", carried("[[auth.source]] file"));
    judge("smtpd_sasl_auth_enable", carried("Dovecot verifies logins: [[auth.source]]"));
  }

  // --- the file ---

  void tell_where_mail_goes() {
    for (const ImportedRoute& route : routes_) {
      if (route.origin == "smtp_tls_policy_maps") continue;  // goes to the MX hosts anyway
      for (const std::string& match : route.match) out_.routed.insert(match);
    }
    const ImportedRoute* all = route_of_all();
    // A route that is not UTF-8 is left out of the file.
    const bool is_there = all != nullptr && is_utf8(all->hops.to.front());
    const std::string to = is_there ? printable(all->hops.to.front(), 80) : "mx";
    if (to == "discard") {
      out_.rest = "discards it";
    } else if (to.starts_with("error:")) {
      out_.rest = "returns it to its sender";
    } else if (to == "mx") {
      out_.rest = "sends it to the MX hosts of its domain";
    } else if (to.starts_with("mx:")) {
      out_.rest = "sends it to the MX hosts of " + to.substr(3);
    } else {
      out_.rest = "sends it to " + to;
    }
  }

  /// The domains of a parameter that have no [[route]]. relay_domains follow the one of `*`, as in
  /// Postfix.
  void find_homeless(std::string_view name) {
    const bool relayed = name == "relay_domains";
    if (relayed && (!parameters_.is_set(name) || route_of_all() != nullptr)) return;
    std::vector<Homeless>& out = out_.homeless[std::string(name)];
    std::set<std::string> seen;
    const auto add = [&](std::string_view text) {
      const std::string domain = lower(text);
      if (domain.find('.') == std::string::npos || domain.find('@') != std::string::npos) return;
      if (out_.routed.contains(domain) || is_stand_in(domain, parameters_)) return;
      if (seen.insert(domain).second) out.push_back({printable(text, 80), domain});
    };
    const auto words = parameters_.words(name);
    for (const Word& word : words ? *words : std::vector<Word>()) {
      if (word.text.starts_with('!') || !is_utf8(word.text)) continue;
      if (word.text.find_first_of(":/") == std::string::npos) {
        add(word.text);
        continue;
      }
      std::vector<Row> rows;
      std::set<std::string> keys;
      std::string trouble;
      add_rows(word.text, rows, keys, trouble);
      for (const Row& row : rows) add(row.key);
      if (trouble.empty() || !seen.insert(word.text).second) continue;
      out.push_back({"the domains in " + printable(without_passwords(word.text), 80), ""});
    }
  }

  /// TOML is UTF-8; main.cf need not be.
  void leave_out_what_is_no_text() {
    std::erase_if(out_.sections, [&](const TomlSection& section) {
      const bool fine = std::ranges::all_of(
          section.entries, [](const TomlEntry& one) { return is_utf8(one.value); });
      if (fine) return false;
      for (const TomlEntry& one : section.entries) {
        if (!one.origin.empty()) judge(one.origin, not_supported(std::string(not_utf8)));
      }
      return true;
    });
  }

  void write(const ImportedRoute& route) {
    TomlSection section{.name = "route", .entries = {}};
    auto& entries = section.entries;
    entries.push_back({"route", "match", toml_list(route.match), route.origin});
    if (!route.sender.empty()) entries.push_back({"route", "sender", toml_list(route.sender), ""});
    entries.push_back({"route", "to", toml_list(route.hops.to), ""});
    const bool goes_out =
        !route.hops.to.front().starts_with("error:") && route.hops.to.front() != "discard";
    const Way* const way = goes_out ? &way_of(route.transport) : nullptr;
    // Postfix asks transport_maps before all others.
    if (!tables_.empty() && route.hops.to.front() != "discard")
      entries.push_back({"route", "tables", toml_list(tables_), "transport_maps"});
    if (way != nullptr && !way->fallback.to.empty())
      entries.push_back({"route", "fallback", toml_list(way->fallback.to), ""});
    if (!route.tls.empty()) entries.push_back({"route", "tls", toml_quoted(route.tls), ""});
    if (!route.names.empty()) entries.push_back({"route", "names", toml_list(route.names), ""});
    if (!route.user.empty()) {
      entries.push_back({"route", "auth_user", toml_quoted(route.user), ""});
      entries.push_back({"route", "auth_password", toml_quoted(route.password_file), ""});
    }
    if (way != nullptr && !way->pool.empty())
      entries.push_back({"route", "egress", toml_quoted(way->pool), ""});
    out_.sections.push_back(std::move(section));
  }

  const Parameters& parameters_;
  const MasterCf& master_;
  const ImportOptions& options_;
  Sending out_;
  NextHops relay_;              ///< of relayhost
  bool relay_is_used_ = false;  ///< by a row of transport_maps
  std::vector<ImportedRoute> routes_;
  std::set<std::string> matched_;
  std::map<std::string, Way> ways_;  ///< by transport
  std::vector<std::string> tables_;  ///< transport_maps that are asked; the routes have them
  bool by_sender_ = false;           ///< passwords may belong to senders
  /// Rows of sender_dependent_relayhost_maps.
  std::vector<std::pair<std::string, NextHops>> hosts_by_sender_;
};

}  // namespace

Sending sending_of(const Parameters& parameters, const MasterCf& master,
                   const ImportOptions& options) {
  return Builder(parameters, master, options).build();
}

}  // namespace postern::dialect::restrictions
