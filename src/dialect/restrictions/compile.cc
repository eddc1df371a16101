// Compiles parameters to lists. Reports all errors at once, each with its place.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/compile_list.h"
#include "dialect/restrictions/expansion.h"
#include "dialect/restrictions/footer.h"
#include "dialect/restrictions/remarks.h"
#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/rules.h"
#include "dialect/restrictions/section.h"
#include "dialect/restrictions/table_types.h"
#include "policy/dns_list.h"

namespace postern::dialect::restrictions {

namespace {

using Severity = Diagnostic::Severity;
using Takes = Keyword::Takes;

constexpr std::string_view list_parameters[list_count] = {
    "smtpd_client_restrictions",      "smtpd_helo_restrictions",      "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",       "smtpd_recipient_restrictions", "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions", "smtpd_etrn_restrictions"};

/// The keyword that a bare `type:name` in a list stands for; "": none.
std::string_view keyword_of_bare_table(std::string_view parameter) {
  if (parameter == "smtpd_client_restrictions") return "check_client_access";
  if (parameter == "smtpd_helo_restrictions") return "check_helo_access";
  if (parameter == "smtpd_sender_restrictions") return "check_sender_access";
  if (parameter == "smtpd_relay_restrictions" || parameter == "smtpd_recipient_restrictions") {
    return "check_recipient_access";
  }
  if (parameter == "smtpd_etrn_restrictions") return "check_etrn_access";
  return "";
}

/// The argument of a keyword, in an error.
std::string_view argument_name(Takes takes) {
  switch (takes) {
    case Takes::zone:
      return "zone";
    case Takes::table:
      return "table, as type:name";
    case Takes::service:
      return "server, as inet:host:port";
    case Takes::seconds:
      return "number of seconds";
    case Takes::nothing:
      break;
  }
  return {};
}

std::string_view example_of(Takes takes) {
  switch (takes) {
    case Takes::zone:
      return "bl.example.net";
    case Takes::table:
      return "hash:/etc/postfix/table";
    case Takes::service:
      return "inet:127.0.0.1:10023";
    case Takes::seconds:
      return "1";
    case Takes::nothing:
      break;
  }
  return {};
}

/// The argument of `sleep`: digits only.
std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  constexpr std::uint64_t most = 24 * 3600;
  const auto value = parse_number(text);
  if (!value || *value > most) return std::nullopt;
  return std::chrono::seconds(*value);
}

/// What is wrong with the argument of a rule.
struct BadArgument {
  std::string_view code;  ///< of the finding
  std::string message;
  std::string_view hint;
  enum class Rule : std::uint8_t {
    broken,   ///< 451 4.3.5 where errors do not keep Postfix from starting
    skipped,  ///< the rule finds nothing there
    refused,  ///< an error whatever happens to others: Postfix dies where it stands
  } rule = Rule::broken;
};

/// Reads the zone or the time that follows a keyword, in a list and in a table's value.
std::optional<BadArgument> take_argument(Rule& rule, const std::string& text) {
  using What = BadArgument::Rule;
  if (rule.keyword->takes == Takes::seconds) {
    const auto time = seconds_of(text);
    if (!time) {
      return BadArgument{.code = "R003",
                         .message = printable(text, 64) + " is no number of seconds",
                         .hint = "write digits only, for example sleep 1"};
    }
    rule.time = *time;
    return {};
  }
  if (text.starts_with('<')) {
    return BadArgument{.code = "R009",
                       .message = printable(text, 64) + " is a placeholder",
                       .hint = "put the DNS list's zone in its place, for example zen.example.net"};
  }
  if (text.ends_with('.')) {  // Postfix finds nothing in it
    return BadArgument{.code = "R005",
                       .message = printable(text, 64) + " ends in a dot",
                       .hint = "remove the dot",
                       .rule = What::skipped};
  }
  auto zone = policy::DnsList::parse(text);
  if (!zone) {
    return BadArgument{
        .code = "R005", .message = zone.error().message, .hint = {}, .rule = What::refused};
  }
  rule.zone = std::move(*zone);
  return {};
}

/// The reply code of a keyword's refusals.
std::uint16_t code_of(const Keyword& keyword, const ListPolicy& policy) {
  const auto found = policy.codes.find(keyword.code_parameter);
  if (found == policy.codes.end()) return 0;
  return code_for(keyword, found->second);
}

class Compiler {
 public:
  Compiler(const Parameters& parameters, const TableSources& sources, Errors errors)
      : parameters_(parameters), sources_(sources), errors_(errors) {
    read_aliases();
    sources_.opened = std::make_shared<decltype(sources_.opened)::element_type>();
    sources_.opened_remote = [this](std::shared_ptr<const RemoteTable> table) {
      policy_.remote_tables.emplace(table->name(), table);
    };
  }
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  Compiled run() {
    policy_.quotes = sources_.quotes;
    check_references();
    read_settings();
    const std::vector<Word> classes = words_of("smtpd_restriction_classes");
    for (const Word& name : classes) {
      // A class of the keyword's name is ignored, as in Postfix.
      if (name.text != "reject_sender_login_mismatch") class_names_.insert(name.text);
    }
    for (const Word& name : classes) {
      if (class_names_.contains(name.text)) compile_class(name.text);
    }
    for (std::size_t i = 0; i < list_count; ++i) {
      policy_.lists[i] = rules_of(std::string(list_parameters[i]));
    }
    for (List& list : policy_.lists) fill_actions(list);
    for (const auto& list : class_lists_) fill_actions(*list);
    bound_lists();
    for (const List& list : policy_.lists) note_rules(list);
    for (const auto& list : class_lists_) note_rules(*list);
    policy_.policy_service_trouble =
        parse_action(parameters_.text("smtpd_policy_service_default_action"), policy_);
    Compiled compiled{.policy = nullptr, .draft = nullptr, .diagnostics = std::move(diagnostics_)};
    const bool failed =
        std::any_of(compiled.diagnostics.begin(), compiled.diagnostics.end(),
                    [](const Diagnostic& one) { return one.severity == Severity::error; });
    compiled.draft = std::make_shared<const ListPolicy>(std::move(policy_));
    if (!failed) compiled.policy = compiled.draft;
    return compiled;
  }

 private:
  /// A file that newaliases or local(8) reads as an alias file is one wherever else it is named.
  void read_aliases() {
    for (const std::string parameter : {"alias_maps", "alias_database"}) {
      if (!parameters_.is_set(parameter)) sources_.aliases.insert("hash:/etc/aliases");
      const auto words = parameters_.words(parameter);
      for (const Word& word : words ? *words : std::vector<Word>()) {
        std::string_view spec = word.text;
        while (spec.starts_with("proxy:")) spec.remove_prefix(6);
        sources_.aliases.emplace(spec);
      }
    }
  }
  void say(Severity severity, std::string code, Place place, std::string message,
           std::string hint = {}) {
    diagnostics_.push_back(
        {severity, std::move(code), std::move(place), std::move(message), std::move(hint)});
  }
  /// What Postfix notices only while it answers: an error here, unless Errors asks for Postfix's
  /// way.
  void say_late(std::string code, Place place, std::string message, std::string hint = {}) {
    say(errors_ == Errors::refuse ? Severity::error : Severity::warning, std::move(code),
        std::move(place), std::move(message), std::move(hint));
  }

  std::vector<Word> words_of(const std::string& parameter) {
    auto words = parameters_.words(parameter);
    if (words) return std::move(*words);
    say(Severity::error, "R010", {parameter, 0}, words.error().message, "close every { with a }");
    return {};
  }

  bool flag(const std::string& parameter) {
    const auto value = parameters_.flag(parameter);
    if (value) return *value;
    say(Severity::error, "R008", {parameter, 0}, value.error().message, "write yes or no");
    return false;
  }

  std::uint16_t code(std::string_view parameter) {
    const auto value = parameters_.number(parameter, 400, 599);
    if (value) return static_cast<std::uint16_t>(*value);
    say_late("R008", {std::string(parameter), 0}, value.error().message,
             "a reply code from 400 to 599");
    return 450;  // as Postfix answers then
  }

  /// A number that Postfix wants within these limits before it starts.
  std::uint16_t within(std::string_view parameter, unsigned least, unsigned most) {
    const auto value = parameters_.number(parameter, least, most);
    if (value) return static_cast<std::uint16_t>(*value);
    say(Severity::error, "R008", {std::string(parameter), 0}, value.error().message,
        fmt::format("a number from {} to {}", least, most));
    return static_cast<std::uint16_t>(least);
  }

  /// The same for what a probe's result is answered with; 2nn: nothing.
  std::uint16_t code_of_probes(std::string_view parameter, unsigned most) {
    const std::uint16_t value = within(parameter, 200, most);
    if (value < 300 || value > 399) return value;
    say_late("R008", {std::string(parameter), 0},
             fmt::format("{} = {} is no reply to RCPT", parameter, value),
             "a reply code 2nn, 4nn or 5nn");
    return 450;  // as Postfix answers then
  }

  /// The same for a time. `unit`: of a bare number.
  std::chrono::seconds time(const std::string& parameter, std::chrono::seconds unit,
                            std::chrono::seconds least = std::chrono::seconds(1)) {
    const std::string text = parameters_.text(parameter);
    const auto value = parse_time(text, unit);
    if (value && *value >= least) return *value;
    say(Severity::error, "R008", {parameter, 0},
        fmt::format("{} = {} is no time of {} seconds or more", parameter, printable(text, 64),
                    least.count()),
        "write a number and a unit: s, m, h, d or w");
    return std::max(least, unit);
  }

  /// Whether a rule that DNS or a probe leaves without an answer defers at once.
  bool defers_at_once(const std::string& action) {
    const std::string said = parameters_.text(action);
    if (said != "defer" && said != "defer_if_permit") {
      say(Severity::error, "R008", {action, 0},
          fmt::format("{} = {} is no action", action, printable(said, 64)),
          "write defer or defer_if_permit");
    }
    return said == "defer";
  }

  UnverifiedWords unverified_words(const std::string& whose) {
    return {.defer_code = code_of_probes("unverified_" + whose + "_defer_code", 499),
            .reason = parameters_.text("unverified_" + whose + "_reject_reason"),
            .refuses_now = defers_at_once("unverified_" + whose + "_tempfail_action")};
  }

  void read_verification() {
    using std::chrono::hours;
    using std::chrono::seconds;
    constexpr hours day{24};
    Verification& out = policy_.verification;
    out.sender = unverified_words("sender");
    out.recipient = unverified_words("recipient");
    out.poll_count = within("address_verify_poll_count", 1, 10'000);
    out.poll_delay = time("address_verify_poll_delay", seconds(1));
    out.sender_ttl = time("address_verify_sender_ttl", seconds(1), seconds(0));
    out.positive_refresh = time("address_verify_positive_refresh_time", day);
    out.positive_expire = time("address_verify_positive_expire_time", day);
    out.negative_refresh = time("address_verify_negative_refresh_time", hours(1));
    out.negative_expire = time("address_verify_negative_expire_time", day);
    out.negative_cache = flag("address_verify_negative_cache");
    out.keeps = !trim(parameters_.text("address_verify_map")).empty();
    const std::string sender(trim(parameters_.text("address_verify_sender")));
    if (sender.empty() || sender == "<>") return;
    const std::size_t at = sender.rfind('@');
    const std::string domain =
        at == std::string::npos ? policy_.myorigin : lower(sender.substr(at + 1));
    auto mailbox = mail::parse_mailbox(sender.substr(0, at) + "@" + domain, mail::Utf8::refused);
    if (!mailbox && at == std::string::npos) {  // myorigin may be a file that cannot be read here
      mailbox = mail::parse_mailbox(sender + "@" + policy_.myhostname, mail::Utf8::refused);
    }
    if (!mailbox && !parameters_.is_set("address_verify_sender")) return;
    if (!mailbox) {
      say(Severity::error, "R008", {"address_verify_sender", 0},
          fmt::format("address_verify_sender = {} is no address", printable(sender, 64)),
          "write an address, its local part, or <> for the null reverse-path");
      return;
    }
    out.probe_local = mailbox->unquoted_local_part();
    const std::string bounces = parameters_.text("double_bounce_sender");
    out.is_bounce_sender = iequals(out.probe_local, bounces.substr(0, bounces.rfind('@')));
    out.probe_domain = mailbox->domain;
  }

  /// Postfix would answer 451 to every client.
  void troubles(const std::string& parameter, std::vector<std::string>& found,
                std::string_view mended) {
    const std::vector<Word> words = found.empty() ? std::vector<Word>() : words_of(parameter);
    for (std::string& one : found) {
      // The message quotes its element; of several that are in it, the longest.
      std::size_t offset = 0;
      std::size_t longest = 0;
      for (const Word& word : words) {
        std::string text = printable(
            word.text.substr(std::min(word.text.find_first_not_of('!'), word.text.size())), 64);
        text.erase(0, text.find(':') + 1);  // a message may have no type of a table
        if (text.size() <= longest || one.find(text) == std::string::npos) continue;
        longest = text.size();
        offset = word.offset;
      }
      // An element may be an exception, or the only list of recipients that exist: never "remove".
      say_late("R006", {parameter, offset}, std::move(one), fmt::format("write {}", mended));
    }
    found.clear();
  }

  /// For parameters whose elements match subdomains: by a dot, or by the parent's name.
  Domains::Below below(const std::string& parameter) {
    const auto names = words_of("parent_domain_matches_subdomains");
    const bool parents = std::any_of(names.begin(), names.end(),
                                     [&](const Word& one) { return one.text == parameter; });
    return parents ? Domains::Below::plain : Domains::Below::dotted;
  }

  Domains domains(const std::string& parameter, Domains::Below below = Domains::Below::none) {
    std::vector<std::string> trouble;
    Domains made = Domains::parse(words_of(parameter), below, sources_, trouble);
    troubles(parameter, trouble, "a domain, or a table or file of domains that can be read");
    return made;
  }

  Networks networks(const std::string& parameter) {
    std::vector<std::string> trouble;
    Networks made = Networks::parse(words_of(parameter), sources_, trouble);
    troubles(
        parameter, trouble,
        "an address, a network as 192.0.2.0/24 or [2001:db8::]/32, or a table that can be read");
    return made;
  }

  Maps maps(const std::string& parameter) {
    std::vector<std::string> trouble;
    Maps made = Maps::parse(words_of(parameter), sources_, trouble);
    troubles(parameter, trouble, "a table that can be read, as type:name");
    return made;
  }

  /// A $name that is not set and has no default expands to nothing, as in Postfix. In a list of
  /// rules this removes rules silently.
  void check_references() {
    std::vector<std::string_view> names(restriction_parameters().begin(),
                                        restriction_parameters().end());
    for (const auto& [other, unused] : parameters_.settings()) names.push_back(other);
    std::set<std::string, std::less<>> lists;
    for (const Word& one : words_of("smtpd_restriction_classes")) lists.insert(one.text);
    std::size_t unknown = 0;
    for (const auto& [name, value] : parameters_.settings()) {
      if (name == "default_rbl_reply") continue;  // has attributes of its own
      const bool is_list = !short_name(name).empty() || lists.contains(name);
      for (const Reference& one : plain_references(value)) {
        const bool known = parameters_.is_set(one.name) ||
                           (name == "smtpd_reject_footer" && is_footer_name(one.name)) ||
                           default_value(one.name, parameters_.level()).has_value();
        if (known) continue;
        const auto near = ++unknown <= most_hints ? nearest(one.name, names) : std::nullopt;
        const std::string message =
            fmt::format("${} is not defined: its value is empty", printable(one.name, 64));
        const std::string hint = near ? fmt::format("did you mean ${}?", *near)
                                      : "define the parameter: what it stands for is missing here";
        if (is_list) {
          say_late("R012", {name, one.offset}, message, hint);
        } else {
          say(Severity::warning, "R012", {name, one.offset}, message, hint);
        }
      }
    }
  }

  /// docs/postfix-differences.md: other words do not name an address here.
  void take_own(std::string_view word) {
    policy_.own_everywhere |= iequals(word, "all");
    if (iequals(word, "all") || iequals(word, "loopback-only") || iequals(word, "localhost")) {
      policy_.own_addresses.push_back(IpAddress::v4(0x7f000001));
      policy_.own_addresses.push_back(*IpAddress::parse("::1"));
    } else if (const auto address = IpAddress::parse(word)) {
      policy_.own_addresses.push_back(*address);
    }
  }

  void read_families() {
    policy_.families = {.v4 = false, .v6 = false};
    for (const Word& word : words_of("inet_protocols")) {
      const bool all = iequals(word.text, "all");
      const bool v4 = iequals(word.text, "ipv4");
      const bool v6 = iequals(word.text, "ipv6");
      policy_.families.v4 |= all || v4;
      policy_.families.v6 |= all || v6;
      if (all || v4 || v6) continue;
      say(Severity::error, "R008", {"inet_protocols", word.offset},
          fmt::format("{} is no protocol", printable(word.text, 64)), "write all, ipv4 or ipv6");
    }
  }

  void read_settings() {
    policy_.mynetworks = networks("mynetworks");
    policy_.mydestination = domains("mydestination");
    policy_.relay_domains = domains("relay_domains", below("relay_domains"));
    policy_.fast_flush_domains = domains("fast_flush_domains", below("fast_flush_domains"));
    policy_.virtual_alias_domains = domains("virtual_alias_domains");
    policy_.virtual_mailbox_domains = domains("virtual_mailbox_domains");
    // Postfix's default is the accounts of the machine; mail for them is not delivered here.
    if (parameters_.is_set("local_recipient_maps")) {
      policy_.local_recipient_maps = maps("local_recipient_maps");
    }
    policy_.relay_recipient_maps = maps("relay_recipient_maps");
    policy_.virtual_alias_maps = maps("virtual_alias_maps");
    policy_.virtual_mailbox_maps = maps("virtual_mailbox_maps");
    policy_.rbl_reply_maps = maps("rbl_reply_maps");
    policy_.relay_clientcerts = maps("relay_clientcerts");
    policy_.sender_login_maps = maps("smtpd_sender_login_maps");
    policy_.mx_backup_networks = networks("permit_mx_backup_networks");
    policy_.limits_mx_backup = !words_of("permit_mx_backup_networks").empty();
    policy_.compatibility_level = parameters_.level();
    policy_.myhostname = lower(parameters_.text("myhostname"));
    policy_.myorigin = lower(parameters_.text("myorigin"));
    if (policy_.myorigin.starts_with('/')) {
      say_late("R008", {"myorigin", 0},
               fmt::format("myorigin = {} is the name of a file, and no file is read for it",
                           printable(policy_.myorigin, 64)),
               "write the domain in the first line of that file; `postern import postfix` does so");
    }
    policy_.mydomain = lower(parameters_.text("mydomain"));
    const std::string bounces = parameters_.text("double_bounce_sender");
    policy_.bounce_sender = bounces.substr(0, bounces.rfind('@'));
    policy_.reject_footer = parameters_.raw("smtpd_reject_footer");
    policy_.reject_footer_maps = maps("smtpd_reject_footer_maps");
    policy_.reject_filter_maps = maps("smtpd_reject_filter_maps");
    check_reject_filter();
    policy_.recipient_delimiter = parameters_.text("recipient_delimiter");
    policy_.null_access_lookup_key = parameters_.text("smtpd_null_access_lookup_key");
    policy_.default_rbl_reply = parameters_.raw("default_rbl_reply");
    for (const std::string parameter : {"inet_interfaces", "proxy_interfaces"}) {
      for (const Word& word : words_of(parameter)) take_own(word.text);
    }
    read_families();
    policy_.client_names = flag("smtpd_peername_lookup");
    policy_.judge_vrfy = !flag("disable_vrfy_command");
    policy_.delay_reject = flag("smtpd_delay_reject");
    policy_.helo_required = flag("smtpd_helo_required");
    policy_.relay_first = flag("smtpd_relay_before_recipient_restrictions");
    policy_.soft_bounce = flag("soft_bounce");
    // Accounts enable AUTH; only an explicit "no" disables it ("AUTH" in
    // docs/restriction-lists.md).
    policy_.sasl = !parameters_.is_set("smtpd_sasl_auth_enable") || flag("smtpd_sasl_auth_enable");
    policy_.reject_unlisted_recipient = flag("smtpd_reject_unlisted_recipient");
    policy_.reject_unlisted_sender = flag("smtpd_reject_unlisted_sender");
    policy_.allow_untrusted_routing = flag("allow_untrusted_routing");
    policy_.append_dot_mydomain = flag("append_dot_mydomain");
    policy_.strict_envelopes = flag("strict_rfc821_envelopes");
    policy_.owner_request_special = flag("owner_request_special");
    policy_.swap_bangpath = flag("swap_bangpath");
    policy_.allow_percent_hack = flag("allow_percent_hack");
    policy_.defer_unknown_address = defers_at_once("unknown_address_tempfail_action");
    policy_.defer_unknown_helo = defers_at_once("unknown_helo_hostname_tempfail_action");
    const auto parents = words_of("parent_domain_matches_subdomains");
    policy_.access_parents_by_name =
        std::any_of(parents.begin(), parents.end(),
                    [](const Word& one) { return one.text == "smtpd_access_maps"; });
    for (const Keyword& one : keywords()) {
      if (one.code_parameter.empty() || policy_.codes.contains(one.code_parameter)) continue;
      const bool any = one.code_parameter.starts_with("unverified_");
      policy_.codes.emplace(one.code_parameter, any ? code_of_probes(one.code_parameter, 599)
                                                    : code(one.code_parameter));
    }
    read_verification();
    for (const Word& zone : words_of("maps_rbl_domains")) {
      Rule rule{.words = "reject_maps_rbl " + zone.text,
                .place = {"maps_rbl_domains", zone.offset}};
      rule.keyword = find_keyword("reject_maps_rbl");
      rule.code = code_of(*rule.keyword, policy_);
      policy_.maps_rbl.push_back(with_argument(std::move(rule), zone.text));
    }
    policy_.access_reject_code = code("access_map_reject_code");
    policy_.access_defer_code = code("access_map_defer_code");
    policy_.unknown_local_code = code("unknown_local_recipient_reject_code");
    policy_.unknown_relay_code = code("unknown_relay_recipient_reject_code");
    policy_.unknown_virtual_alias_code = code("unknown_virtual_alias_reject_code");
    policy_.unknown_virtual_mailbox_code = code("unknown_virtual_mailbox_reject_code");
  }

  void compile_class(const std::string& name) {
    if (policy_.classes.contains(name) || !compiling_.insert(name).second) return;
    auto list = std::make_shared<List>();
    if (!parameters_.is_set(name)) {
      say(Severity::error, "R007", {"smtpd_restriction_classes", 0},
          fmt::format("the class {} is listed but not defined", printable(name, 64)),
          fmt::format("set the parameter {}", printable(name, 64)));
      return;
    }
    if (depth_ == max_class_depth) {
      say(Severity::error, "R007", {name, 0},
          fmt::format("classes within classes, more than {} deep", max_class_depth));
      return;
    }
    ++depth_;
    *list = rules_of(name);
    --depth_;
    class_lists_.push_back(list);
    policy_.classes.emplace(name, list);
  }

  List rules_of(const std::string& parameter) {
    List list;
    const auto words = words_of(parameter);
    bool warn_only = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (iequals(words[i].text, "warn_if_reject")) {
        warn_only = true;
        continue;
      }
      Rule rule = rule_of(parameter, words, i);
      rule.warn_only = warn_only;
      warn_only = false;
      rule.origin = fmt::format("{}:{}", parameter, list.size() + 1);
      list.push_back(std::move(rule));
    }
    return list;
  }

  Rule broken(Rule rule, std::string code, std::string trouble, std::string hint) {
    say_late(std::move(code), rule.place, trouble, std::move(hint));
    rule.trouble = std::move(trouble);
    rule.keyword = nullptr;
    return rule;
  }

  /// Compiles the rule that begins at words[i] and sets `i` to its last word.
  Rule rule_of(const std::string& parameter, const std::vector<Word>& words, std::size_t& i) {
    const Word& word = words[i];
    Rule rule{.words = word.text, .place = {parameter, word.offset}};
    if (word.text.starts_with('<')) {
      return broken(std::move(rule), "R009",
                    fmt::format("{} is a placeholder", printable(word.text, 64)),
                    "put a real value in its place, for example zen.example.net");
    }
    if (is_table_spec(word.text)) {
      rule.keyword = find_keyword(keyword_of_bare_table(parameter));
      if (rule.keyword == nullptr) {
        return broken(
            std::move(rule), "R003",
            fmt::format("{} is without a restriction in {}", printable(word.text, 64), parameter),
            "write the check that uses it, as in check_recipient_access " +
                printable(word.text, 64));
      }
      return with_table(std::move(rule), word.text);
    }
    if (const auto known = class_of(word.text)) {
      rule.list = known;
      return rule;
    }
    rule.keyword = find_keyword(word.text);
    if (rule.keyword == nullptr) {
      return unknown(std::move(rule), word.text);
    }
    rule.code = code_of(*rule.keyword, policy_);
    if (rule.keyword->takes == Takes::nothing) return rule;
    const bool more = i + 1 < words.size();
    const std::string argument = more ? words[i + 1].text : std::string();
    const bool table = rule.keyword->takes == Takes::table;
    if (!more || (table && !is_table_spec(argument))) {
      // As in Postfix, a rule without its zone is skipped; any other missing argument is an error.
      const bool zone = rule.keyword->takes == Takes::zone;
      const Keyword* keyword = rule.keyword;
      if (table && more) ++i;
      rule =
          broken(std::move(rule), "R003",
                 fmt::format("{} lacks its {}", keyword->name, argument_name(keyword->takes)),
                 fmt::format("write for example {} {}", keyword->name, example_of(keyword->takes)));
      if (zone) rule.keyword = keyword;
      return rule;
    }
    ++i;
    rule.words += words[i].grouped ? " {" + argument + "}" : " " + argument;
    switch (rule.keyword->takes) {
      case Takes::zone:
      case Takes::seconds:
        return with_argument(std::move(rule), argument);
      case Takes::service:
        return with_service(std::move(rule), words[i]);
      case Takes::table:
        if (!words[i].grouped) return with_table(std::move(rule), argument);
        if (rule.keyword->subject == Subject::certificate) {
          return with_certificate_table(std::move(rule), argument);
        }
        return with_braces(std::move(rule), argument);
      case Takes::nothing:
        break;
    }
    return rule;
  }

  const List* class_of(const std::string& word) {
    if (!class_names_.contains(word)) return nullptr;
    compile_class(word);
    const auto known = policy_.classes.find(word);
    if (known != policy_.classes.end()) return known->second.get();
    if (compiling_.contains(word) && parameters_.is_set(word)) {
      say_late("R007", {word, 0}, fmt::format("the class {} names itself", printable(word, 64)));
    }
    return nullptr;
  }

  Rule unknown(Rule rule, const std::string& word) {
    std::vector<std::string_view> names;
    if (++unknown_ <= most_hints) {
      for (const Keyword& one : keywords()) names.push_back(one.name);
    }
    const auto near = nearest(lower(word), names);
    return broken(
        std::move(rule), "R001", fmt::format("unknown keyword {}", printable(word, 64)),
        near ? fmt::format("did you mean {}?", *near)
             : "`postern help keywords` lists the keywords; a class of your own must be in "
               "smtpd_restriction_classes");
  }

  /// "inet:host:port", or "{ inet:host:port, name=value, { name = value } }" (postconf(5)).
  Rule with_service(Rule rule, const Word& written) {
    const auto parts = split_words(written.text);
    rule.policy_context = parameters_.text("smtpd_policy_service_policy_context");
    const auto bad = [&](const std::string& what) {
      return broken(std::move(rule), "R003", what,
                    "write inet:host:port or unix:/path, alone or as { inet:host:port, "
                    "timeout=10s, default_action=DUNNO, { name = value with blanks } }");
    };
    if (!parts || parts->empty()) return bad("braces without a server");
    rule.service = parts->front().text;
    const std::string shown = printable(rule.service, 64);
    if (!rule.service.starts_with("inet:") && !rule.service.starts_with("unix:")) {
      return bad(fmt::format("{} is not a server", shown));
    }
    std::string not_carried;
    for (std::size_t i = 1; i < parts->size(); ++i) {
      const std::string_view text = (*parts)[i].text;
      const std::size_t equals = text.find('=');
      const std::string_view name = trim(text.substr(0, equals));
      if (equals == std::string_view::npos || name.empty()) {
        return bad(fmt::format("{}: `{}` is not name=value", shown, printable(text, 64)));
      }
      const std::string_view value = trim(text.substr(equals + 1));
      if (name == "default_action") {
        rule.default_action = std::string(value);
      } else if (name == "policy_context") {
        rule.policy_context = std::string(value);
      } else if (name == "timeout" || name == "try_limit" || name == "retry_delay") {
        not_carried += (not_carried.empty() ? "" : ", ") + std::string(name);
      } else if (name != "max_idle" && name != "max_ttl" && name != "request_limit") {
        // The three are ignored: each question has a connection of its own.
        return bad(fmt::format("{}: a policy service has no `{}`", shown, printable(name, 64)));
      }
    }
    if (!not_carried.empty()) {
      say(Severity::warning, "R013", rule.place,
          fmt::format("{}: {} not carried out", shown, not_carried),
          "a server is asked once and has authentication.decide_within");
    }
    // Relative to the queue directory, as in smtpd, which works there.
    if (rule.service.starts_with("unix:") && !rule.service.starts_with("unix:/")) {
      rule.service.insert(5, parameters_.text("queue_directory") + "/");
    }
    if (const auto may = sources_.ask ? sources_.ask(rule.service) : Result<void>(); !may) {
      return broken(std::move(rule), "R004", may.error().message, std::string(way_of_api));
    }
    return rule;
  }

  /// "{ type:name, { search_order = pubkey_fingerprint, cert_fingerprint } }" (postconf(5),
  /// check_ccert_access).
  Rule with_certificate_table(Rule rule, const std::string& text) {
    const auto bad = [&] {
      return broken(std::move(rule), "R003",
                    fmt::format("{} is no table with its options", printable(text, 64)),
                    "write check_ccert_access { hash:/etc/postfix/table, { search_order = "
                    "cert_fingerprint, pubkey_fingerprint } }");
    };
    const auto parts = split_words(text);
    if (!parts || parts->empty() || parts->size() > 2) return bad();
    if (parts->size() == 2) {
      const std::string_view option = parts->back().text;
      const std::size_t equals = std::min(option.find('='), option.size());
      if (trim(option.substr(0, equals)) != "search_order") return bad();
      const auto order = split_words(option.substr(std::min(equals + 1, option.size())));
      if (!order || order->empty()) return bad();
      rule.prints.clear();
      for (const Word& one : *order) {
        const bool whole = iequals(one.text, "cert_fingerprint");
        if (!whole && !iequals(one.text, "pubkey_fingerprint")) return bad();
        rule.prints.push_back(whole ? Print::certificate : Print::key);
      }
    }
    return with_table(std::move(rule), parts->front().text);
  }

  Rule with_argument(Rule rule, const std::string& text) {
    auto bad = take_argument(rule, text);
    if (!bad) return rule;
    switch (bad->rule) {
      case BadArgument::Rule::broken:
        return broken(std::move(rule), std::string(bad->code), std::move(bad->message),
                      std::string(bad->hint));
      case BadArgument::Rule::skipped:
        say_late(std::string(bad->code), rule.place, std::move(bad->message),
                 std::string(bad->hint));
        break;
      case BadArgument::Rule::refused:
        say(Severity::error, std::string(bad->code), rule.place, std::move(bad->message));
        rule.keyword = nullptr;
        break;
    }
    return rule;
  }

  /// What to do about what lists that come over the API may not use.
  static constexpr std::string_view way_of_api =
      "who operates the gateway names folders and servers for the API in api.table_folders and "
      "api.table_services; or put the lists into the configuration file";

  /// What to do about a table that cannot be opened.
  static std::string_view way_out(std::string_view spec) {
    while (spec.starts_with("proxy:")) spec.remove_prefix(6);
    const std::string_view type = spec.substr(0, spec.find(':'));
    const TableType* const known = find_table_type(type);
    if (type == "inline") return "write it as inline:{ {key = action}, key = word }";
    if (known == nullptr) return "docs/restriction-keywords.md lists the types of tables";
    if (known->kind == TableType::Kind::foreign) return {};  // the message says it
    if (spec.find('{') != std::string_view::npos) return "correct what is within the braces";
    if (known->is_file()) return "the file must exist, be readable, and hold such a table";
    return "`postern help R004` shows a right example";
  }

  /// Postfix takes the braces for a part of the name.
  Rule with_braces(Rule rule, const std::string& inner) {
    const std::string spec = fmt::format("{{{}}}", inner);
    const std::string trouble = fmt::format("{} is no table", printable(spec, 64));
    say_late("R004", rule.place, trouble,
             fmt::format("write {} {}", rule.keyword->name, trim(printable(inner, 64))));
    rule.table = failing_table(spec, trouble);
    return rule;
  }

  Rule with_table(Rule rule, const std::string& spec) {
    auto table = open_table(spec, sources_);
    if (!table) {
      const bool is_forbidden = table.error().fault == Fault::denied && sources_.ask;
      say_late("R004", rule.place, table.error().message,
               std::string(is_forbidden ? way_of_api : way_out(spec)));
    }
    rule.table = table ? std::move(*table) : failing_table(spec, table.error().message);
    return rule;
  }

  void fill_default_action(Rule& rule) {
    if (!rule.default_action) return;
    Action action = parse_action(*rule.default_action, policy_);
    if (action.kind == Action::Kind::invalid) {
      say_late("R003", rule.place,
               fmt::format("default_action of {}: {}", printable(rule.service, 64), action.text));
    }
    rule.service_trouble = std::make_shared<const Action>(std::move(action));
  }

  /// Compiles the values of tables once, if all values are known.
  void fill_actions(List& list) {
    for (Rule& rule : list) {
      fill_default_action(rule);
      if (!rule.table) continue;
      const auto values = rule.table->values();
      if (!values || values->size() > most_actions) continue;
      Actions actions;
      std::array<std::vector<const std::string*>, actions_not_carried.size()> not_carried;
      for (const std::string& value : *values) {
        Action action = parse_action(value, policy_);
        if (action.kind == Action::Kind::invalid) {
          say_late("R011", rule.place,
                   fmt::format(
                       "{}: {}", row_of(*rule.table, value),
                       policy_.may_quote(*rule.table) ? action.text : "a value is not an action"),
                   "write an action in this row, for example OK, DUNNO or REJECT");
        }
        if (const auto word = action_not_carried(value)) not_carried[*word].push_back(&value);
        actions.emplace(value, std::move(action));
      }
      for (std::size_t word = 0; word < not_carried.size(); ++word) {
        warn_of_action(rule, actions_not_carried[word], not_carried[word]);
      }
      rule.actions = std::make_shared<const Actions>(std::move(actions));
    }
  }

  /// Values that replace no reply. Those with what a pattern matched are only known then.
  void check_reject_filter() {
    for (const auto& table : policy_.reject_filter_maps.tables()) {
      const auto values = table->values();
      if (!values || values->size() > most_actions) continue;
      for (const std::string& value : *values) {
        if (filtered_reply(value) || value.find('$') != std::string::npos) continue;
        say(Severity::warning, "R011", {"smtpd_reject_filter_maps", 0},
            fmt::format("{}: the value is no refusal, and replaces no reply",
                        row_of(*table, value)),
            "write a code 4nn or 5nn, a blank and a text; an enhanced code has the same first "
            "digit");
      }
    }
  }

  /// The row where a value first occurs: "hash:/t line 3 (friend.example)".
  std::string row_of(const Table& table, std::string_view value) const {
    const auto rows = table.rows_with(value, 1);
    std::string out = printable(table.name(), 200);
    if (!rows || rows->empty()) return out;
    const Table::Row& row = rows->front();
    if (row.line != 0) {
      out += fmt::format(" {} {}", table.name().starts_with("inline:") ? "row" : "line", row.line);
    }
    if (policy_.may_quote(table)) out += fmt::format(" ({})", printable(row.key, 64));
    return out;
  }

  /// One warning for all rows of a table with an action that is not carried out.
  void warn_of_action(const Rule& rule, std::string_view word,
                      const std::vector<const std::string*>& values) {
    if (values.empty()) return;
    const std::string others =
        values.size() > 1 ? fmt::format(", nor {} more like it", values.size() - 1) : "";
    say(Severity::warning, "R013", rule.place,
        fmt::format("{}: {} is not carried out{}", row_of(*rule.table, *values.front()), word,
                    others),
        "the row has no effect here, like DUNNO: docs/postfix-differences.md");
  }

  void note_rules(const List& list) {
    for (const Rule& rule : list) {
      policy_.longest_sleep = std::max(policy_.longest_sleep, rule.time);
      if (rule.keyword != nullptr) policy_.used.insert(rule.keyword);
      if (!rule.actions) continue;
      for (const auto& [value, action] : *rule.actions) {
        if (action.list) note_rules(*action.list);
      }
    }
  }

  /// Nested classes multiply: a list that takes too long to evaluate within one command is an
  /// error, and is left out of the draft.
  void bound_lists() {
    for (std::size_t i = 0; i < list_count; ++i) {
      if (rules_in(policy_.lists[i], 0) <= most_rules) continue;
      say(Severity::error, "R007", {std::string(list_parameters[i]), 0},
          fmt::format("more than {} rules; the rules of a class count each time it is named",
                      most_rules),
          "name each class once");
      policy_.lists[i].clear();
    }
  }

  /// The most rules that one evaluation of the list runs; counts no further than most_rules. A
  /// cycle through tables ends at the first refusal (Context::run()).
  std::size_t rules_in(const List& list, std::size_t depth) {
    if (depth > max_class_depth) return 0;  // refused before
    const auto [known, fresh] = walks_.emplace(&list, 0);
    if (!fresh) return known->second;
    std::size_t all = 0;
    for (const Rule& rule : list) {
      std::size_t within = rule.list != nullptr ? rules_in(*rule.list, depth + 1) : 0;
      if (rule.actions) {
        for (const auto& [value, action] : *rule.actions) {
          if (action.list) within = std::max(within, rules_in(*action.list, depth + 1));
        }
      }
      all = std::min(all + 1 + within, most_rules + 1);
    }
    return walks_[&list] = all;
  }

  static constexpr std::size_t most_actions = 10'000;
  static constexpr std::size_t most_hints = 100;  ///< words for which a keyword is suggested
  static constexpr std::size_t most_rules = 100'000;
  static constexpr std::size_t max_class_depth = 100;  ///< as in the evaluation

  const Parameters& parameters_;
  TableSources sources_;
  const Errors errors_;
  ListPolicy policy_;
  std::vector<std::shared_ptr<List>> class_lists_;
  std::set<std::string> class_names_;
  std::set<std::string> compiling_;
  std::size_t unknown_ = 0;                   ///< unknown words so far
  std::size_t depth_ = 0;                     ///< current nesting of classes
  std::map<const List*, std::size_t> walks_;  ///< results of rules_in()
  Diagnostics diagnostics_;
};

}  // namespace

std::string_view parameter_of(ListKind kind) {
  return list_parameters[static_cast<std::size_t>(kind)];
}

bool ListPolicy::may_quote(const Table& table) const {
  static constexpr std::string_view of_the_request[] = {"inline:", "static:", "cidr:{", "regexp:{",
                                                        "pcre:{"};
  return quotes || std::any_of(std::begin(of_the_request), std::end(of_the_request),
                               [&](auto start) { return table.name().starts_with(start); });
}

Compiled compile(const Parameters& parameters, const TableSources& sources, Errors errors) {
  return Compiler(parameters, sources, errors).run();
}

Result<std::shared_ptr<const List>> compile_action_list(std::string_view value,
                                                        const ListPolicy& policy) {
  const auto words = split_words(value);
  if (!words) return tl::unexpected(words.error());
  auto list = std::make_shared<List>();
  bool warn_only = false;
  for (std::size_t i = 0; i < words->size(); ++i) {
    const std::string& word = (*words)[i].text;
    if (iequals(word, "warn_if_reject")) {
      warn_only = true;
      continue;
    }
    Rule rule{.warn_only = std::exchange(warn_only, false),
              .words = word,
              .origin = "a table's " + printable(value, 64)};
    const auto known = policy.classes.find(word);
    if (known != policy.classes.end()) {
      rule.list = known->second.get();
      list->push_back(std::move(rule));
      continue;
    }
    rule.keyword = find_keyword(word);
    if (rule.keyword == nullptr) {
      return fail(Fault::malformed, "unknown keyword " + printable(word, 64) + " in a table");
    }
    if (rule.keyword->takes == Takes::table || rule.keyword->takes == Takes::service) {
      return fail(Fault::malformed,
                  std::string(rule.keyword->name) + " may not be used in a table");
    }
    if (rule.keyword->takes != Takes::nothing) {
      if (i + 1 == words->size()) {
        return fail(Fault::malformed, fmt::format("{} lacks its {}", rule.keyword->name,
                                                  argument_name(rule.keyword->takes)));
      }
      if (auto bad = take_argument(rule, (*words)[++i].text)) {
        return fail(Fault::malformed, std::move(bad->message));
      }
    }
    rule.code = code_of(*rule.keyword, policy);
    list->push_back(std::move(rule));
  }
  if (list->empty()) return fail(Fault::malformed, "an empty action");
  return std::shared_ptr<const List>(std::move(list));
}

}  // namespace postern::dialect::restrictions
