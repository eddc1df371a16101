#include "dialect/kumo/name_lint.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/lua_words.h"

namespace postern::dialect::kumo {

namespace {

/// What KumoMTA has and Postern lacks, and what to use instead.
struct Lacking {
  std::string_view name;
  std::string_view instead;
};

constexpr std::string_view mime =
    "the text of a message is `get_data` and `set_data`, its decoded parts are in a webhook's "
    "payload";
constexpr std::string_view schedule =
    "mail is delivered as soon as it is accepted: let the sender hold it until it is due";
constexpr std::string_view reports_elsewhere =
    "`log_oob` and `log_arf` of get_listener_domain say what happens to reports";
constexpr std::string_view signer_elsewhere =
    "kumo.dkim.rsa_sha256_signer makes a signer, which msg:dkim_sign takes";
constexpr std::string_view attempts = "deliveries are tried again as [queue] says";

/// Methods of KumoMTA's messages; a hook that calls one fails at its first message. Names that a
/// script's own objects are likely to use are left out.
constexpr Lacking missing_methods[] = {
    {"append_text_html", mime},
    {"delay_message_if_throttled",
     "`sleep_if_throttled` lets a client wait; rates towards a destination are "
     "messages_per_minute in [[route]]"},
    {"append_text_plain", mime},
    {"arc_seal",
     "Authentication-Results is written by `add_authentication_results`, signatures by "
     "`dkim_sign`"},
    {"import_headers", "`import_x_headers` takes the names of fields"},
    {"import_scheduling_header", schedule},
    {"increment_num_attempts", attempts},
    {"parse_mime", mime},
    {"parse_rfc3464", reports_elsewhere},
    {"parse_rfc5965", reports_elsewhere},
    {"queue_name", "`tenant`, `campaign` and the recipient's domain are what KumoMTA makes it of"},
    {"set_scheduling", schedule}};

/// Functions of KumoMTA, or tables of them, and some that only generated policies have.
constexpr Lacking missing_tables[] = {
    {"kumo.amqp", "webhooks and `kumo.http` reach other programs"},
    {"kumo.api", "the HTTP API answers such questions (docs/api.md)"},
    {"kumo.audit_series", "count in a database (`sqlite`), or limit by kumo.make_throttle"},
    {"kumo.configure_dns_resolver", "[dns] names the servers"},
    {"kumo.configure_logging", "[log] says what is logged"},
    {"kumo.counter_series", "count in a database (`sqlite`), or limit by kumo.make_throttle"},
    {"kumo.cloudwatch", "metrics are at /metrics of the API"},
    {"kumo.define_signer", signer_elsewhere},
    {"kumo.encode.charset_decode", "header fields are decoded already; `utf8` has UTF-8"},
    {"kumo.encode.charset_encode", "write header fields with `encode`, in UTF-8"},
    {"kumo.file_type", "webhook policies judge attachments by their names and types"},
    {"kumo.fs", "`io.open` reads files whose names are known"},
    {"kumo.get_signer", signer_elsewhere},
    {"kumo.glob", "name the files one by one"},
    {"kumo.inject_message", "hand new mail in by SMTP or by the HTTP API of inboxes"},
    {"kumo.kafka", "webhooks and `kumo.http` reach other programs"},
    {"kumo.log", "kumo.log_info, kumo.log_warn and kumo.log_error write to the log"},
    {"kumo.make_message", "hooks change the message that they are given, and make no other"},
    {"kumo.mimepart", mime},
    {"kumo.nats", "webhooks and `kumo.http` reach other programs"},
    {"kumo.read_dir", "name the files one by one"},
    {"kumo.regex_set_map", "match patterns of kumo.regex one after the other"},
    {"kumo.serde.yaml_encode", "use JSON or TOML"},
    {"kumo.serde.yaml_load", "use JSON or TOML"},
    {"kumo.serde.yaml_parse", "use JSON or TOML"},
    {"kumo.spawn_task", "hooks run for a message; other work belongs in a program of its own"},
    {"kumo.string.eval_template", "string.format and `..` make texts"},
    {"kumo.template", "string.format and `..` make texts"},
    {"kumo.xfer", "operators move mail with `postern queue`"},
    {"kumo.yaml_encode", "use JSON or TOML"},
    {"kumo.yaml_load", "use JSON or TOML"},
    {"kumo.yaml_parse", "use JSON or TOML"}};

/// Empty: nothing is known.
std::string_view instead_of(std::string_view name, std::span<const Lacking> table) {
  const auto found =
      std::ranges::find_if(table, [&](const Lacking& one) { return one.name == name; });
  return found == table.end() ? std::string_view() : found->instead;
}

/// Functions of KumoMTA that Postern lacks and whose names are similar to functions that it has.
/// A policy that runs in both may call them in handlers of events that Postern never fires.
constexpr std::string_view missing_functions[] = {"kumo.dns.set_mta_sts_enabled",
                                                  "kumo.dns.set_mx_transient_negative_cache_ttl",
                                                  "kumo.encode.charset_decode",
                                                  "kumo.encode.charset_encode",
                                                  "kumo.eval_config_monitor_globs",
                                                  "kumo.get_memory_hard_limit",
                                                  "kumo.get_memory_low_thresh",
                                                  "kumo.get_memory_soft_limit",
                                                  "kumo.invoke_get_egress_source",
                                                  "kumo.serde.toml_encode_pretty_compact",
                                                  "kumo.serde.yaml_encode",
                                                  "kumo.serde.yaml_load",
                                                  "kumo.serde.yaml_parse",
                                                  "kumo.toml_encode_pretty_compact",
                                                  "kumo.yaml_encode",
                                                  "kumo.yaml_load",
                                                  "kumo.yaml_parse"};

/// The edit distance up to which a name is taken for a misspelt one.
constexpr std::size_t most_slips = 2;

using Names = std::set<std::string, std::less<>>;

/// The known names, such as "kumo.string" and "kumo.string.split".
Names names_of(const std::vector<script::HostTable>& tables) {
  Names names;
  for (const script::HostTable& table : tables) {
    for (const script::HostFunction& row : table) {
      for (std::size_t dot = row.name.find('.'); dot != std::string_view::npos;
           dot = row.name.find('.', dot + 1)) {
        names.emplace(row.name.substr(0, dot));
      }
      names.emplace(row.name);
    }
  }
  return names;
}

class NameLint {
 public:
  NameLint(std::string_view file, std::string_view text, Names& names,
           const std::function<bool(std::string_view word)>& in_hook)
      : file_(file), words_(text), names_(names), in_hook_(in_hook) {}

  /// Returns the findings and adds the names that the text assigns to `names`; nullopt: its `kumo`
  /// may be another object.
  std::optional<std::vector<MissingName>> run() {
    std::string_view before;
    LuaWords::Word word = words_.next();
    while (!word.text.empty()) {
      const std::string_view two_before = before;
      before = word.text;
      if (two_before == ":" && is_missing_method(word.text)) add("msg:", word, {});
      const bool is_kumo = word.text == "kumo" && two_before != "." && two_before != ":";
      word = words_.next();
      if (!is_kumo) continue;
      if (word.text == ".") {
        word = chain(word, two_before == "function");
        before = {};
      } else if (word.text == "=") {
        word = words_.next();
        if (word.text != "require") return std::nullopt;
      } else if (word.text == "," || word.text == ")") {
        return std::nullopt;  // a parameter, or one of several locals
      }
    }
    return std::move(findings_);
  }

 private:
  /// Follows a chain from the dot after `kumo`; returns the word after its last member.
  LuaWords::Word chain(LuaWords::Word dot, bool defines) {
    std::string path = "kumo";
    while (dot.text == ".") {
      const LuaWords::Word member = words_.next();
      if (member.text.empty() || !is_word_char(member.text.front())) return member;
      const std::string name = path + "." + std::string(member.text);
      dot = words_.next();
      if (dot.text == "=" || defines) names_.insert(name);
      if (!names_.contains(name)) {
        add(path + ".", member, dot);
        return dot;
      }
      path = name;
      if (members(path).empty()) return dot;
    }
    return dot;
  }

  /// The members of a table.
  std::vector<std::string_view> members(const std::string& path) const {
    std::vector<std::string_view> found;
    const std::string below = path + ".";
    for (auto one = names_.lower_bound(below); one != names_.end(); ++one) {
      if (!one->starts_with(below)) break;
      const std::string_view member = std::string_view(*one).substr(below.size());
      if (member.find('.') == std::string_view::npos) found.push_back(member);
    }
    return found;
  }

  /// `owner`: "kumo." or "msg:". `after`: the word after the member.
  void add(const std::string& owner, const LuaWords::Word& member, const LuaWords::Word& after) {
    const std::string name = owner + std::string(member.text);
    MissingName missing{
        .finding = fmt::format("{}:{}: {} is not available in Postern", file_, member.line, name),
        .member = std::string(member.text)};
    const bool is_method = owner == "msg:";
    const std::string_view instead =
        is_method ? instead_of(member.text, missing_methods) : instead_of(name, missing_tables);
    if (!instead.empty()) missing.finding += fmt::format(": {}", instead);
    // A table that is not there fails when it is indexed, even if nothing of it is called.
    const bool used = is_method || begins_arguments(after.text) || after.text == ".";
    missing.called_in_hook = used && in_hook_ != nullptr && in_hook_(member.text);
    const bool is_of_kumomta = !instead.empty() || std::ranges::count(missing_functions, name) > 0;
    const std::string table = owner.substr(0, owner.size() - 1);
    const auto near = is_of_kumomta ? std::nullopt : nearest(member.text, members(table));
    if (near) {
      missing.finding += fmt::format("; did you mean `{}{}`?", owner, *near);
      // A hint may be wide of the mark; an error is certain only for a slip of the keyboard.
      missing.misspelt_call =
          begins_arguments(after.text) && edit_distance(member.text, *near) <= most_slips;
    }
    for (MissingName& one : findings_) {
      if (one.finding != missing.finding) continue;
      one.misspelt_call |= missing.misspelt_call;
      one.called_in_hook |= missing.called_in_hook;
      return;
    }
    findings_.push_back(std::move(missing));
  }

  std::string_view file_;
  LuaWords words_;
  Names& names_;
  const std::function<bool(std::string_view word)>& in_hook_;
  std::vector<MissingName> findings_;
};

}  // namespace

bool is_missing_method(std::string_view name) { return !instead_of(name, missing_methods).empty(); }

std::vector<std::string> key_source_events(std::string_view text) {
  std::vector<std::string> names;
  LuaWords words(text);
  for (LuaWords::Word word = words.next(); !word.text.empty(); word = words.next()) {
    if (word.text != "event_name") continue;
    if (words.next().text != "=") continue;
    const std::string_view value = words.next().text;
    const bool quoted = value.size() > 2 && (value.front() == '"' || value.front() == '\'');
    if (quoted) names.emplace_back(value.substr(1, value.size() - 2));
  }
  return names;
}

std::vector<MissingName> lint_names(std::string_view file, std::string_view text,
                                    const std::vector<script::HostTable>& tables,
                                    const std::function<bool(std::string_view word)>& in_hook) {
  Names names = names_of(tables);
  NameLint(file, text, names, nullptr).run();  // a name may be used before it is assigned
  return NameLint(file, text, names, in_hook).run().value_or(std::vector<MissingName>());
}

}  // namespace postern::dialect::kumo
