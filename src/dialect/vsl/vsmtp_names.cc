#include "dialect/vsl/vsmtp_names.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/lint_facts.h"
#include "dialect/vsl/object.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::string_view no_environment =
    "rules do not see the environment: write the value into the script";
constexpr std::string_view verified_once =
    "`dkim::verify()` returns the result, and the second call returns that of the first";

constexpr OtherName renamed[] = {
    {"", "add_rcpt_context", "add_rcpt_envelop"},
    {"", "dkim_result", "", verified_once},
    {"", "env", "", no_environment},
    {"", "generate_signature_dkim", "", "`sign_dkim()` makes the signature and adds the field"},
    {"", "has_dkim_result", "", verified_once},
    {"", "remove_rcpt_context", "remove_rcpt_envelop"},
    {"", "rewrite_mail_from_context", "rewrite_mail_from_envelop"},
    {"", "rewrite_rcpt_context", "rewrite_rcpt_envelop"},
    {"", "send_mail", "",
     "rules send no mail of their own: `add_rcpt_envelop()` sends a copy of this message, a "
     "`cmd` service can run a program that sends another"},
    {"", "store_dkim", "", verified_once},
    {"auth", "credentials", "auth"},
    {"auth", "is_authenticated", "is_authenticated"},
    {"auth", "unix_users", "authenticate"},
    {"code", "c451_3_0", "code451_3_0"},
    {"code", "c451_7_1", "code_greylist"},
    {"code", "c451_7_24", "code451_7_24"},
    {"code", "c500_7_26", "code550_7_26"},
    {"code", "c550_1_1", "code550_1_1"},
    {"code", "c550_7_20", "code550_7_20"},
    {"code", "c550_7_21", "code550_7_21"},
    {"code", "c550_7_22", "code550_7_22"},
    {"code", "c550_7_23", "code550_7_23"},
    {"code", "c550_7_24", "code550_7_24"},
    {"code", "c550_7_25", "code550_7_25"},
    {"code", "c550_7_26", "code550_7_26"},
    {"code", "c550_7_27", "code550_7_27"},
    {"code", "c554_7_1", "code554_7_1"},
    {"code", "c556_1_10", "code556_1_10"},
    {"ctx", "auth", "auth"},
    {"ctx", "client_addr", "client_address"},
    {"ctx", "client_address", "client_address"},
    {"ctx", "client_ip", "client_ip"},
    {"ctx", "client_port", "client_port"},
    {"ctx", "connection_timestamp", "connection_timestamp"},
    {"ctx", "helo", "helo"},
    {"ctx", "is_authenticated", "is_authenticated"},
    {"ctx", "is_secured", "is_secured"},
    {"ctx", "mail_from", "mail_from"},
    {"ctx", "mail_timestamp", "mail_timestamp"},
    {"ctx", "message_id", "message_id"},
    {"ctx", "rcpt", "rcpt"},
    {"ctx", "rcpt_list", "rcpt_list"},
    {"ctx", "server_address", "server_address"},
    {"ctx", "server_ip", "server_ip"},
    {"ctx", "server_name", "server_name"},
    {"ctx", "server_port", "server_port"},
    {"dkim", "get_private_keys", "get_private_keys"},
    {"dkim", "has_result", "", verified_once},
    {"dkim", "result", "", verified_once},
    {"dkim", "sign", "sign_dkim"},
    {"dkim", "store", "", verified_once},
    {"dkim", "verify", "verify_dkim"},
    {"dmarc", "check", "check_dmarc"},
    {"dns", "lookup", "lookup"},
    {"dns", "rlookup", "rlookup"},
    {"envelop", "add_rcpt", "add_rcpt_envelop"},
    {"envelop", "bcc", "bcc"},
    {"envelop", "rm_rcpt", "remove_rcpt_envelop"},
    {"envelop", "rw_mail_from", "rewrite_mail_from_envelop"},
    {"envelop", "rw_rcpt", "rewrite_rcpt_envelop"},
    {"fs", "dump", "dump"},
    {"fs", "write", "write"},
    {"logging", "log", "log"},
    {"msg", "add_rcpt", "add_rcpt_message"},
    {"msg", "append_header", "append_header"},
    {"msg", "count_header", "count_header"},
    {"msg", "get_all_headers", "get_all_headers"},
    {"msg", "get_header", "get_header"},
    {"msg", "get_header_untouched", "get_header_untouched"},
    {"msg", "has_header", "has_header"},
    {"msg", "mail", "mail"},
    {"msg", "prepend_header", "prepend_header"},
    {"msg", "rename_header", "rename_header"},
    {"msg", "rm_header", "remove_header"},
    {"msg", "rm_rcpt", "remove_rcpt_message"},
    {"msg", "rw_mail_from", "rewrite_mail_from_message"},
    {"msg", "rw_rcpt", "rewrite_rcpt_message"},
    {"msg", "set_header", "set_header"},
    {"net", "non_routable", "non_routable_net"},
    {"net", "rg_10", "net_10"},
    {"net", "rg_172", "net_172"},
    {"net", "rg_192", "net_192"},
    {"spf", "check", "check_spf"},
    {"spf", "check_raw", "check_spf_inner"},
    {"state", "accept", "accept"},
    {"state", "deny", "deny"},
    {"state", "faccept", "faccept"},
    {"state", "info", "info"},
    {"state", "next", "next"},
    {"state", "quarantine", "quarantine"},
    {"time", "date", "date"},
    {"time", "now", "time"},
    {"transport", "deliver", "deliver"},
    {"transport", "deliver_all", "deliver_all"},
    {"transport", "disable_delivery", "disable_delivery"},
    {"transport", "disable_delivery_all", "disable_delivery_all"},
    {"transport", "forward", "forward"},
    {"transport", "forward_all", "forward_all"},
    {"transport", "maildir", "maildir"},
    {"transport", "maildir_all", "maildir_all"},
    {"transport", "mbox", "mbox"},
    {"transport", "mbox_all", "mbox_all"},
    {"unix", "env", "", no_environment},
    {"unix", "hostname", "hostname"},
    {"unix", "user_exist", "user_exist"},
    {"utils", "env", "", no_environment},
    {"utils", "get_domain", "get_domain"},
    {"utils", "get_domains", "get_domains"},
    {"utils", "get_local_part", "get_local_part"},
    {"utils", "get_local_parts", "get_local_parts"},
    {"utils", "get_root_domain", "get_root_domain"},
    {"utils", "hostname", "hostname"},
    {"utils", "user_exist", "user_exist"},
};

/// A function of vSMTP 2 that makes a service, by its module: of vSMTP, or of a plugin.
struct Maker {
  std::string_view module;
  std::string_view kind;     ///< of `service NAME kind`
  std::string_view content;  ///< of `kind:content`
};
constexpr Maker makers[] = {
    {"cmd", "cmd", ""}, {"smtp", "smtp", ""}, {"csv", "db", "csv"}, {"mysql", "db", "mysql"}};

/// A plugin that Postern has no service for.
struct Plugin {
  std::string_view name;
  std::string_view instead;
};
constexpr std::string_view keep_tables =
    "keep the data in a `db:sqlite` or `db:csv` service, or ask a `db:mysql` one";
constexpr Plugin plugins[] = {
    {"dnsxl", "`lookup()` asks DNS; `reject_rbl_client` of restriction lists asks DNS lists"},
    {"ldap", "[[auth.source]] and `ldap:` tables of restriction lists ask directories"},
    {"memcached", keep_tables},
    {"mongodb", keep_tables},
    {"redis", keep_tables},
};

/// What `ctx()`, `srv()` and `msg()` are in vSMTP: the first argument of functions, or the value
/// whose property is meant. Here every function finds them by itself.
constexpr std::string_view handles[] = {"ctx", "msg", "srv"};

/// Types of objects that are functions of one text in vSMTP 2; `code` and `file` take more.
constexpr std::string_view constructors[] = {"address", "fqdn",  "identifier", "ip4",
                                             "ip6",     "regex", "rg4",        "rg6"};

const OtherName* find_name(std::string_view module, std::string_view name) {
  const auto* const found = std::ranges::find_if(
      renamed, [&](const OtherName& one) { return one.module == module && one.name == name; });
  return found == std::ranges::end(renamed) ? nullptr : found;
}

std::vector<std::string_view> names_in(std::string_view module) {
  std::vector<std::string_view> all;
  for (const OtherName& one : renamed) {
    if (one.module == module && !one.here.empty()) all.push_back(one.name);
  }
  return all;
}

const Maker* maker_of(std::string_view module) {
  const auto* const found = std::ranges::find(makers, module, &Maker::module);
  return found == std::ranges::end(makers) ? nullptr : found;
}

/// "csv" of "plugins/libvsmtp_plugin_csv"; empty: the path names no plugin.
std::string plugin_named(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  std::ranges::replace(name, '-', '_');
  if (name.ends_with(".so")) name.resize(name.size() - 3);
  std::string_view rest = name;
  if (rest.starts_with("lib")) rest.remove_prefix(3);
  constexpr std::string_view prefix = "vsmtp_plugin_";
  return rest.starts_with(prefix) ? std::string(rest.substr(prefix.size())) : std::string();
}

NodePtr text_node(std::string text, Position at) {
  auto node = std::make_unique<Node>();
  node->kind = Kind::string;
  node->at = at;
  node->text = std::move(text);
  return node;
}

class Translator {
 public:
  explicit Translator(File& file) : file_(file) {
    for (const Function& one : file.functions) own_.insert(one.name);
    for_each_node_of(file, [&](const Node& node) {
      if (node.kind == Kind::import) imports_.insert(node.text);
    });
  }

  std::vector<Mistake> run() {
    for (const Function& one : file_.functions) {
      if (one.name != "on_config" && one.name != "on_domain_config") continue;
      mistake(one.at,
              "`" + one.name + "` configures vSMTP 2; Postern is configured by postern.toml",
              "name the file of the rules as vsl.policy; for the settings see docs/vsl.md, "
              "\"Moving\"");
      return std::move(mistakes_);
    }
    for_each_node_of(file_, [&](Node& node) {
      if (node.kind == Kind::import) import(node);
    });
    for_each_node_of(file_, [&](Node& node) { visit(node); });
    return std::move(mistakes_);
  }

 private:
  void visit(Node& node) {
    switch (node.kind) {
      case Kind::export_let:
        return declaration(node, *node.nodes.front());
      case Kind::let:
        return declaration(node, node);
      case Kind::call:
        return call(node);
      case Kind::property:
      case Kind::method:
        return of_handle(node);
      case Kind::variable:
        // vSMTP 2 renamed `toml` to `cfg`.
        if (node.path.size() == 1 && is_foreign("cfg", node)) node.path.front() = "toml";
        return;
      default:
        return;
    }
  }

  /// Whether the node's module is this one, and not an import of the file.
  bool is_foreign(std::string_view module, const Node& node) const {
    return node.path.front() == module && !imports_.contains(node.path.front());
  }

  /// `import "plugins/libvsmtp_plugin_csv" as db`.
  void import(Node& node) {
    const Node& path = *node.nodes.front();
    if (path.kind != Kind::string) return;
    const std::string plugin = plugin_named(path.text);
    if (plugin.empty()) return;
    if (maker_of(plugin) != nullptr) {
      aliases_[node.text] = plugin;
    } else {
      const auto* const known = std::ranges::find(plugins, plugin, &Plugin::name);
      mistake(path.at, "the plugin `" + printable(plugin, 60) + "` of vSMTP is not carried",
              std::string(known != std::ranges::end(plugins) ? known->instead : keep_tables));
      dropped_.insert(node.text);
    }
    imports_.erase(node.text);
    node.kind = Kind::unit;
    node.nodes.clear();
  }

  /// The service that a call makes; null: it makes none. `csv::connect(...)`, `cmd::build(...)`,
  /// and in vSMTP 2.0 `cmd(...)`, `db::csv(...)`.
  const Maker* made_by(const Node& call) const {
    if (call.kind != Kind::call || call.path.size() > 1 || call.nodes.size() != 1) return nullptr;
    if (call.path.empty()) {
      const bool is_host = signature_of(call.text).function != nullptr;
      return own_.contains(call.text) || is_host ? nullptr : maker_of(call.text);
    }
    const std::string& module = call.path.front();
    const auto alias = aliases_.find(module);
    if (alias == aliases_.end() && imports_.contains(module)) return nullptr;
    const Maker* maker = maker_of(alias == aliases_.end() ? module : alias->second);
    const bool makes = call.text == "build" || call.text == "connect" ||
                       (maker != nullptr && call.text == maker->module);
    return makes ? maker : nullptr;
  }

  /// `const NAME = cmd::build(#{...})` is `service NAME cmd = #{...}`. `whole`: the `let`, or the
  /// `export` around it.
  void declaration(Node& whole, Node& let) {
    if (let.kind != Kind::let || let.nodes.empty() || !let.nodes.front()) return;
    const Maker* maker = made_by(*let.nodes.front());
    if (maker == nullptr) return;
    auto service = std::make_unique<Node>();
    service->kind = Kind::service;
    service->at = let.at;
    service->text = let.text;
    service->text_at = let.text_at;
    service->word = maker->kind;
    service->word_at = let.nodes.front()->at;
    service->content = maker->content;
    service->height = whole.height;
    service->nodes.push_back(std::move(let.nodes.front()->nodes.front()));
    whole = std::move(*service);
  }

  void call(Node& node) {
    if (node.path.size() > 1) return;
    if (made_by(node) != nullptr) {
      return mistake(node.at, "a service has a name: " + shown(node) + " alone makes none",
                     "write `const NAME = ...` before it, at the top of the file");
    }
    if (!node.path.empty()) {
      module_call(node);
    } else if (!own_.contains(node.text)) {
      plain_call(node);
    }
    drop_handles(node);
    if (node.kind == Kind::call && node.path.empty() && node.text == "check_spf") spf(node);
  }

  void plain_call(Node& node) {
    const bool is_host = signature_of(node.text).function != nullptr;
    if (!is_host && constructor(node)) return;
    if (is_one_of(node.text, handles)) {
      const std::string instead = node.text == "msg" ? "`mail()`" : "`client_ip()`, `mail_from()`";
      return mistake(node.at, shown(node) + " is no value of its own in Postern",
                     "functions need no `" + node.text + "()`: write " + instead);
    }
    if (const OtherName* other = is_host ? nullptr : find_name("", node.text)) use(node, *other);
  }

  void module_call(Node& node) {
    const std::string& module = node.path.front();
    if (imports_.contains(module) || module == "sys" || module == "toml") return;
    if (dropped_.contains(module)) return;  // the import was reported
    if (const OtherName* other = find_name(module, node.text)) return use(node, *other);
    const std::vector<std::string_view> there = names_in(module);
    if (there.empty() && maker_of(module) == nullptr) return;  // the lint reports it
    std::string hint = did_you_mean(node.text, there);
    if (hint.empty() && !there.empty()) hint = "docs/vsl-api.md has all names of vSMTP's modules";
    if (there.empty()) hint = "a service is made by `const NAME = " + module + "::build(#{ ... })`";
    mistake(node.at, "`" + module + "::" + printable(node.text, 60) + "()` is not carried",
            std::move(hint));
  }

  void use(Node& node, const OtherName& other) {
    if (other.here.empty()) {
      return mistake(node.at, shown(node) + " of vSMTP is not carried", std::string(other.instead));
    }
    node.text = other.here;
    node.path.clear();
    if (other.module != "net" && other.module != "code") return;
    node.kind = Kind::variable;  // a predefined object, whatever the script calls so itself
    node.path.emplace_back("sys");
    node.nodes.clear();
  }

  /// `address("a@example.org")` is `object ... address = "a@example.org"`, without a name.
  bool constructor(Node& node) {
    const Position at = node.at;
    if (node.text == "code") {
      if (node.nodes.size() != 2 && node.nodes.size() != 3) return false;
      auto map = std::make_unique<Node>();
      map->kind = Kind::map;
      map->at = at;
      map->height = node.height;
      map->names.push_back({"code", at});
      if (node.nodes.size() == 3) map->names.push_back({"enhanced", at});
      map->names.push_back({"text", at});
      map->nodes = std::move(node.nodes);
      node.nodes.clear();
      node.nodes.push_back(std::move(map));
    } else if (node.text == "file") {
      const bool has_type = node.nodes.size() == 2 && node.nodes[1]->kind == Kind::string;
      if (!has_type || !object_type(node.nodes[1]->text)) return false;
      node.content = node.nodes[1]->text;
      node.nodes.pop_back();
    } else if (!is_one_of(node.text, constructors) || node.nodes.size() != 1) {
      return false;
    }
    node.kind = Kind::object;
    node.word = std::exchange(node.text, std::string());
    node.word_at = node.text_at = at;
    ++node.height;
    return true;
  }

  bool is_handle(const Node& node) const {
    return node.kind == Kind::call && node.path.empty() && node.nodes.empty() &&
           is_one_of(node.text, handles) && !own_.contains(node.text);
  }

  /// `ctx().mail_from` is `mail_from()`, `msg().has_header(x)` is `has_header(x)`.
  void of_handle(Node& node) {
    if (!is_handle(*node.nodes.front())) return;
    const std::string handle = node.nodes.front()->text;
    const OtherName* other = find_name(handle, node.text);
    if (other == nullptr) other = find_name("", node.text);
    const bool is_host = signature_of(node.text).function != nullptr;
    if (other == nullptr && !is_host) {
      node.nodes.front()->text = "next";  // one report is enough
      return mistake(node.at, "`" + handle + "()` has no `" + printable(node.text, 60) + "`",
                     did_you_mean(node.text, names_in(handle)));
    }
    node.nodes.erase(node.nodes.begin());
    node.kind = Kind::call;
    node.flag = false;
    if (other != nullptr) use(node, *other);
    drop_handles(node);
  }

  /// The first arguments `ctx()`, `srv()` and `msg()` of functions that need none.
  void drop_handles(Node& node) {
    if (node.kind != Kind::call || !node.path.empty() || own_.contains(node.text)) return;
    const Signature host = signature_of(node.text);
    const bool is_known = host.function != nullptr || find_name("", node.text) != nullptr;
    while (is_known && node.nodes.size() > host.most && is_handle(*node.nodes.front())) {
      node.nodes.erase(node.nodes.begin());
    }
  }

  /// `spf::check(#{ header: "spf", policy: "soft" })`, since vSMTP 2.1.2.
  void spf(Node& node) {
    const Position at = node.at;
    if (own_.contains("check_spf") || node.nodes.size() != 1) return;
    if (node.nodes.front()->kind != Kind::map) return;
    Node& map = *node.nodes.front();
    std::vector<NodePtr> arguments;
    arguments.push_back(text_node("both", at));
    arguments.push_back(text_node("strict", at));
    for (std::size_t i = 0; i < map.nodes.size(); ++i) {
      const bool is_header = map.names[i].text == "header";
      if (!is_header && map.names[i].text != "policy") {
        mistake(map.names[i].at, "`check_spf` has no option `" + map.names[i].text + "`",
                "it has `header` and `policy`");
        continue;
      }
      arguments[is_header ? 0 : 1] = std::move(map.nodes[i]);
    }
    node.nodes = std::move(arguments);
  }

  void mistake(Position at, std::string message, std::string hint) {
    mistakes_.push_back({file_.name, at, std::move(message), std::move(hint)});
  }

  File& file_;
  std::set<std::string, std::less<>> own_;      ///< functions of the file
  std::set<std::string, std::less<>> imports_;  ///< aliases
  std::set<std::string, std::less<>> dropped_;  ///< aliases of plugins that are not carried
  std::map<std::string, std::string, std::less<>> aliases_;  ///< of plugins: what they are
  std::vector<Mistake> mistakes_;
};

}  // namespace

std::span<const OtherName> other_names() { return renamed; }

std::vector<Mistake> translate_names(File& file) { return Translator(file).run(); }

}  // namespace postern::dialect::vsl
