// Reads TOML text into a Config, key by key. Reports every error and continues; an invalid value
// leaves the default.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <unistd.h>

#include <fmt/format.h>

#include "base/text.h"
#include "base/toml.h"
#include "config/config.h"
#include "config/guardrails.h"
#include "config/positions.h"
#include "config/room_options.h"
#include "config/schema.h"
#include "config/words.h"

namespace postern::app {

namespace {

constexpr std::size_t max_file_size = 1u << 20;

Place place_of(const toml::source_region& region) {
  Place place{region.begin.line, region.begin.column, region.end.column};
  // A value over several lines is marked at its first character.
  if (region.end.line != region.begin.line) place.end_column = place.column + 1;
  return place;
}

constexpr std::string_view credential_prefix = "credential:";

/// The file of a credential, whether it exists or not; nullopt: nothing says where credentials are.
/// Fault::malformed: no name of a credential; Fault::not_found: none of `sources` can have it.
Result<std::optional<std::string>> credential_file(std::string_view name,
                                                   const std::vector<CredentialSource>& sources) {
  if (name.empty() || name.find('/') != std::string_view::npos) {
    return fail(Fault::malformed,
                fmt::format("`{}{}` names no credential", credential_prefix, printable(name, 64)));
  }
  if (sources.empty()) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr) return std::nullopt;
    return fmt::format("{}/{}", directory, name);
  }
  for (const CredentialSource& source : sources) {
    if (source.id.empty()) return (source.path / name).string();
    if (source.id == name) return source.path.string();
    const std::string prefix = source.id + "_";
    if (name.starts_with(prefix)) return (source.path / name.substr(prefix.size())).string();
  }
  return fail(Fault::not_found, fmt::format("no --credentials has `{}`", printable(name, 64)));
}

class ConfigReader {
 public:
  ConfigReader(Positions& positions, Diagnostics& diagnostics, Config& config,
               const LoadOptions& options)
      : positions_(positions), diagnostics_(diagnostics), config_(config), options_(options) {}

  /// Whether a file of the configuration is a credential that cannot be had here.
  bool lacks_credentials() const { return lacks_credentials_; }
  /// Whether a policy cannot be loaded without such a file.
  bool policy_lacks_credentials() const { return policy_lacks_credentials_; }

  void read_root(const toml::table& root) {
    for (const auto& [name, node] : root) {
      if (name.str() == "restrictions") {
        read_restrictions(name, node);
      } else if (name.str() == "guardrails") {
        read_guardrails(name, node);
      } else if (find_section(name.str())) {
        read_section(name, node);
      } else {
        unknown_at_root(name, node);
      }
    }
  }

 private:
  static bool find_section(std::string_view name) {
    for (const std::string_view section : config_sections()) {
      if (section == name) return true;
    }
    return false;
  }

  void add(const Place& place, std::string code, std::string message, std::string label,
           std::string hint = {}) {
    Diagnostic diagnostic = positions_.at(place, std::move(code), std::move(message));
    diagnostic.label = std::move(label);
    diagnostic.hint = std::move(hint);
    diagnostics_.add(std::move(diagnostic));
  }

  void unknown_at_root(const toml::key& name, const toml::node& node) {
    const Place place = place_of(name.source());
    const std::string text = printable(name.str(), 64);
    if (!node.is_table() && !node.is_array_of_tables()) {
      unknown_key("", name);
      return;
    }
    std::vector<std::string_view> sections = config_sections();
    sections.insert(sections.end(), {"restrictions", "guardrails"});
    const auto near = nearest(name.str(), sections);
    const std::string brackets = section_header(near.value_or(""));
    add(place, "C011", fmt::format("unknown section `{}`", text),
        near ? fmt::format("did you mean `{}`?", brackets) : "no section has this name",
        near ? fmt::format("write `{}`, or see `postern help C011`", brackets)
             : "remove it; `postern config example` shows every section");
  }

  void unknown_key(std::string_view section, const toml::key& name) {
    std::vector<std::string_view> here;
    for (const Key& key : config_keys()) {
      if (key.section == section) here.push_back(key.name);
    }
    const Place place = place_of(name.source());
    const std::string message = fmt::format("unknown key `{}`", printable(name.str(), 64));
    if (const auto near = nearest(name.str(), here)) {
      add(place, "C012", message, fmt::format("did you mean `{}`?", *near),
          "rename the key, or see `postern help C012`");
      return;
    }
    for (const Key& key : config_keys()) {
      if (key.name == name.str()) {
        add(place, "C012", message, fmt::format("it belongs in `{}`", section_header(key.section)),
            fmt::format("move it below `{}`, or see `postern help C012`",
                        section_header(key.section)));
        return;
      }
    }
    add(place, "C012", message,
        section.empty() ? "a key belongs below a `[section]`"
                        : fmt::format("`{}` has no such key", section_header(section)),
        "remove it; `postern config example` shows every key");
  }

  void read_section(const toml::key& name, const toml::node& node) {
    read_section(std::string(name.str()), name, node);
  }

  void read_section(const std::string& section, const toml::key& name, const toml::node& node) {
    positions_.set(section, place_of(name.source()));
    if (!is_list(section)) {
      if (const toml::table* table = node.as_table()) {
        Row unused;
        read_keys(section, section, *table, unused);
      } else {
        wrong_type(place_of(name.source()), fmt::format("`{}`", section), "a section", node,
                   fmt::format("write `[{}]` on a separate line and its keys below", section));
      }
      return;
    }
    const toml::array* elements = node.as_array();
    if (!elements || (!elements->empty() && !elements->is_array_of_tables())) {
      wrong_type(place_of(name.source()), fmt::format("`{}`", section), "a list of sections", node,
                 fmt::format("write `{}`, with two brackets, once for each {}",
                             section_header(section), section));
      return;
    }
    std::size_t count = 0;
    for (const toml::node& element : *elements) {
      const std::string path = fmt::format("{}.{}", section, count++);
      positions_.set(path, place_of(element.source()));
      Row row;
      read_keys(section, path, *element.as_table(), row);
      if (section == "listener") config_.listeners.push_back(std::move(row.listener));
      if (section == "route") config_.routes.push_back(std::move(row.route));
      if (section == "auth.source") config_.auth.sources.push_back(std::move(row.source));
      if (section == "vsl.virtual") {
        config_.vsl.virtual_domains.push_back(std::move(row.virtual_domain));
      }
      if (section == "egress") config_.egress.push_back(std::move(row.egress));
    }
  }

  /// Its keys are main.cf parameters: texts, and for convenience numbers and booleans.
  void read_restrictions(const toml::key& name, const toml::node& node) {
    positions_.set("restrictions", place_of(name.source()));
    const toml::table* table = node.as_table();
    if (!table) {
      wrong_type(place_of(name.source()), "`restrictions`", "a section", node,
                 "write `[restrictions]` on a separate line and its keys below");
      return;
    }
    RestrictionsConfig& config = config_.restrictions;
    config.present = true;
    for (const auto& [key, value] : *table) {
      const auto text = value.value_exact<std::string_view>();
      const auto flag = value.value_exact<bool>();
      const auto number = value.value_exact<std::int64_t>();
      if (!text && !flag && !number) {
        wrong_type(place_of(value.source()), fmt::format("`{}`", printable(key.str(), 64)), "text",
                   value, "write the value as it is in main.cf, between quotes");
        continue;
      }
      const std::string given = text   ? std::string(*text)
                                : flag ? std::string(*flag ? "yes" : "no")
                                       : std::to_string(*number);
      positions_.set(
          "restrictions." + std::string(dialect::restrictions::parameter_named(key.str())),
          place_of(value.source()));
      const std::string refusal =
          dialect::restrictions::take(config.section, key.str(), given, flag.has_value());
      if (!refusal.empty()) {
        add(place_of(value.source()), "C017",
            fmt::format("`{}`: {}", printable(key.str(), 64), refusal), "");
      }
    }
  }

  /// Its keys are names that the operator has chosen, for sentences; `networks` has sets.
  void read_guardrails(const toml::key& name, const toml::node& node) {
    positions_.set("guardrails", place_of(name.source()));
    const toml::table* table = node.as_table();
    if (!table) {
      wrong_type(place_of(name.source()), "`guardrails`", "a section", node,
                 "write `[guardrails]` on a separate line and its sentences below");
      return;
    }
    WrittenGuardrails written;
    for (const auto& [key, value] : *table) {
      if (key.str() == "networks") {
        read_network_sets(key, value, written);
      } else if (is_chosen_name(key)) {
        read_guardrail(key, value, written);
      }
    }
    config_.guardrails = app::read_guardrails(written, positions_, diagnostics_);
  }

  /// Reports a name that is none.
  bool is_chosen_name(const toml::key& key) {
    constexpr std::size_t longest = 64;
    const std::string_view name = key.str();
    if (!name.empty() && name.size() <= longest &&
        std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_' || c == '-'; })) {
      return true;
    }
    add(place_of(key.source()), "C020", fmt::format("`{}` is not a name", printable(name, 64)),
        "letters, digits, `_` and `-`, at most 64", "rename it, or see `postern help C020`");
    return false;
  }

  void read_network_sets(const toml::key& key, const toml::node& node, WrittenGuardrails& written) {
    const toml::table* table = node.as_table();
    if (!table) {
      wrong_type(place_of(key.source()), "`networks`", "sets of networks", node,
                 "write `networks.inside = \"10.0.0.0/8, 192.0.2.0/24\"`; a sentence needs "
                 "another name");
      return;
    }
    for (const auto& [name, value] : *table) {
      if (!is_chosen_name(name)) continue;
      const auto text = value.value_exact<std::string_view>();
      if (!text) {
        wrong_type(place_of(value.source()), fmt::format("the set `{}`", name.str()), "text", value,
                   "write networks with commas: \"10.0.0.0/8, 192.0.2.0/24\"");
        continue;
      }
      positions_.set(fmt::format("guardrails.networks.{}", name.str()), place_of(value.source()));
      written.sets.emplace(name.str(), *text);
    }
  }

  void read_guardrail(const toml::key& key, const toml::node& node, WrittenGuardrails& written) {
    Guardrail guardrail{.name = std::string(key.str()), .text = {}};
    const std::string path = fmt::format("guardrails.{}.rule", key.str());
    const auto take = [&](const toml::node& value) {
      const auto text = value.value_exact<std::string_view>();
      if (!text) {
        wrong_type(place_of(value.source()), fmt::format("the guardrail `{}`", key.str()),
                   "a sentence", value, "write `never accept where …`, in quotes");
        return false;
      }
      guardrail.text = *text;
      positions_.set(path, place_of(value.source()));
      return true;
    };
    const toml::table* table = node.as_table();
    if (!table) {
      if (take(node)) written.sentences.push_back(std::move(guardrail));
      return;
    }
    bool has_rule = false;
    for (const auto& [member, value] : *table) {
      if (member.str() == "rule") {
        has_rule = true;
        if (!take(value)) return;
      } else if (member.str() == "enforce") {
        const auto word = value.value_exact<std::string_view>();
        if (!word || (*word != "refuse" && *word != "warn")) {
          add(place_of(value.source()), "C017", "`enforce`: not one of \"refuse\", \"warn\"", "",
              "write `enforce = \"warn\"`, or leave it out");
          continue;
        }
        guardrail.warns = *word == "warn";
      } else if (member.str() == "public") {
        const auto flag = value.value_exact<bool>();
        if (!flag) {
          wrong_type(place_of(value.source()), "`public`", "true or false", value,
                     "write `public = true`, or leave it out");
          continue;
        }
        guardrail.is_public = *flag;
      } else {
        constexpr std::array<std::string_view, 3> members{"rule", "enforce", "public"};
        const auto near =
            nearest(member.str(), std::vector<std::string_view>(members.begin(), members.end()));
        add(place_of(member.source()), "C012",
            fmt::format("unknown key `{}`", printable(member.str(), 64)),
            near ? fmt::format("did you mean `{}`?", *near)
                 : "a guardrail has rule, enforce and public",
            "rename the key, or see `postern help C012`");
      }
    }
    if (has_rule) {
      written.sentences.push_back(std::move(guardrail));
    } else {
      add(place_of(key.source()), "G001", fmt::format("the guardrail `{}` has no rule", key.str()),
          "", "write `rule = \"never accept where …\"`");
    }
  }

  void read_keys(const std::string& section, const std::string& path, const toml::table& table,
                 Row& row) {
    for (const auto& [name, node] : table) {
      const Key* key = find_key(section, name.str());
      const std::string nested = section + "." + std::string(name.str());
      if (find_section(nested)) {
        read_section(nested, name, node);
        continue;
      }
      if (!key) {
        unknown_key(section, name);
        continue;
      }
      positions_.set(path + "." + std::string(key->name), place_of(node.source()));
      read_value(*key, node, key->slot(config_, row));
    }
  }

  void wrong_type(const Place& place, std::string_view what, std::string_view wanted,
                  const toml::node& node, std::string hint) {
    add(place, "C013", fmt::format("{} must be {}", what, wanted),
        fmt::format("this is {}", toml_type_name(node)), std::move(hint));
  }

  void wrong_type(const Key& key, const toml::node& node) {
    wrong_type(place_of(node.source()), fmt::format("`{}`", key.name), kind_name(key.kind), node,
               fmt::format("write for example `{} = {}`", key.name, example_value(key)));
  }

  void read_value(const Key& key, const toml::node& node, const Slot& slot) {
    switch (key.kind) {
      case Kind::flag:
        if (const auto value = node.value_exact<bool>()) {
          **std::get_if<bool*>(&slot) = *value;
        } else {
          wrong_type(key, node);
        }
        return;
      case Kind::networks:
      case Kind::servers:
      case Kind::ports:
      case Kind::names:
      case Kind::durations:
      case Kind::domains:
      case Kind::texts:
      case Kind::smtp_hosts:
        if (const toml::array* list = node.as_array()) {
          read_list(key, *list, slot);
        } else {
          wrong_type(key, node);
        }
        return;
      default:
        if (const auto number = node.value_exact<std::int64_t>()) {
          if (key.kind != Kind::count && key.kind != Kind::size) return wrong_type(key, node);
          return keep(place_of(node.source()), key, fill_number(key, slot, *number));
        }
        const auto on = node.value_exact<bool>();
        if (on && key.kind == Kind::choice) {
          return keep(place_of(node.source()), key, fill_text(key, slot, *on ? "true" : "false"));
        }
        const auto text = node.value_exact<std::string_view>();
        if (!text || key.kind == Kind::count) return wrong_type(key, node);
        if (text->starts_with(credential_prefix) &&
            (key.kind == Kind::file || key.kind == Kind::secret) &&
            std::holds_alternative<std::string*>(slot)) {
          return read_credential(key, place_of(node.source()), *text, slot);
        }
        keep(place_of(node.source()), key, fill_text(key, slot, *text));
    }
  }

  void read_credential(const Key& key, const Place& place, std::string_view text,
                       const Slot& slot) {
    const Result<std::optional<std::string>> file =
        credential_file(text.substr(credential_prefix.size()), options_.credentials);
    const auto refuse = [&](std::string message, std::string hint = {}) {
      if (hint.empty()) {
        hint =
            fmt::format("add `LoadCredential={}.pem:/path/to/{}.pem` to the unit, or name the file",
                        key.name, key.name);
      }
      add(place, "T001", fmt::format("`{}`: {}", key.name, message), "", std::move(hint));
      // Kept, and no file is read: the missing value is not reported a second time.
      keep(place, key, fill_text(key, slot, text));
      lacks_credentials_ = true;
    };
    if (!file) return refuse(file.error().message);
    std::error_code unreadable;
    if (*file && options_.credentials.empty() && options_.read_files &&
        !std::filesystem::exists(**file, unreadable) && !unreadable) {
      return refuse(fmt::format("the service has no `{}`", printable(text, 64)),
                    "put the file where LoadCredential= of the unit names it, then `systemctl "
                    "restart postern`: systemd copies it when the service starts");
    }
    if (*file) return keep(place, key, fill_text(key, slot, **file));
    const bool of_policy = key.section.starts_with("vsl") || key.section == "lua";
    const bool needed = options_.read_files || (of_policy && options_.load_policy);
    if (needed && !options_.outside_service) {
      return refuse(
          fmt::format("`{}` needs CREDENTIALS_DIRECTORY, which systemd sets for a unit with "
                      "LoadCredential=",
                      printable(text, 64)));
    }
    keep(place, key, fill_text(key, slot, text));
    if (options_.read_files && !lacks_credentials_) note_credentials(place, key, text);
    lacks_credentials_ = true;
    policy_lacks_credentials_ = policy_lacks_credentials_ || of_policy;
  }

  void note_credentials(const Place& place, const Key& key, std::string_view text) {
    Diagnostic note = positions_.at(
        place, "T001",
        fmt::format("`{}`: `{}` was not looked at, nor were other certificates, keys and secrets: "
                    "they are given to the service alone",
                    key.name, printable(text, 64)));
    note.severity = Severity::note;
    note.hint = "say where they are, as LoadCredential= of the unit does: --credentials ID:PATH";
    diagnostics_.add(std::move(note));
  }

  void read_list(const Key& key, const toml::array& list, const Slot& slot) {
    ListFiller filler(key, slot);
    for (const toml::node& element : list) {
      const auto number = element.value_exact<std::int64_t>();
      const auto text = element.value_exact<std::string_view>();
      if (key.kind == Kind::ports ? !number : !text) {
        wrong_type(place_of(element.source()), fmt::format("each element of `{}`", key.name),
                   key.kind == Kind::ports ? "a port number" : "text", element,
                   fmt::format("write for example `{} = {}`", key.name, example_value(key)));
        continue;
      }
      keep(place_of(element.source()), key, number ? filler.add(*number) : filler.add(*text));
    }
    filler.finish();
  }

  /// Reports the error of a fill_*() function, if any.
  void keep(const Place& place, const Key& key, const std::optional<Complaint>& complaint) {
    if (!complaint) return;
    add(place, complaint->code, fmt::format("`{}`: {}", key.name, complaint->message),
        complaint->label,
        complaint->hint.empty()
            ? fmt::format("write for example `{} = {}`, or see `postern help {}`", key.name,
                          example_value(key), complaint->code)
            : complaint->hint);
  }

  Positions& positions_;
  Diagnostics& diagnostics_;
  Config& config_;
  const LoadOptions& options_;
  bool lacks_credentials_ = false;
  bool policy_lacks_credentials_ = false;
};

std::string machine_name() {
  char buffer[256] = {};
  if (gethostname(buffer, sizeof buffer - 1) != 0) return "localhost";
  const std::string name = lower(buffer);
  return is_domain_name(name) ? name : "localhost";
}

/// A hint for a line that is not TOML, where the parser stopped with `why`. Usually a text lacks
/// quotes.
std::string syntax_hint(std::string_view why, std::string_view line) {
  constexpr std::string_view rest = "nothing after it was read (`postern help C001`)";
  const std::string plain = fmt::format("correct this line; {}", rest);
  const auto says = [&](std::string_view words) { return why.find(words) != why.npos; };
  const bool in_value = (!says("parsing key") || says("expected a comment")) && !says("table");
  if (!in_value) return plain;
  const std::size_t equals = std::min(line.find('='), line.size());
  const std::string_view key = trim(line.substr(0, equals));
  const bool is_key = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return is_alnum(c) || c == '_' || c == '-' || c == '.';
  });
  const bool has_quotes = line.find_first_of("\"'") != line.npos;
  if (equals == line.size()) {  // an element of a list over several lines
    return has_quotes ? plain : fmt::format("put each text in quotes; {}", rest);
  }
  std::string_view value = trim(line.substr(equals + 1));
  if (!is_key || value.empty() || value.starts_with('{')) return plain;
  if (value.starts_with('"') || value.starts_with('\'')) {
    const bool open = value.find(value.front(), 1) == value.npos;
    return open ? fmt::format("end the text with a quote, as it begins; {}", rest) : plain;
  }
  if (value.starts_with('[')) {
    return has_quotes
               ? plain
               : fmt::format("put each text in quotes: `{} = [\"a\", \"b\"]`; {}", key, rest);
  }
  value = trim(value.substr(0, value.find('#')));
  const bool shown = !has_quotes && value.find_first_of("\\`") == value.npos && value != "...";
  return shown
             ? fmt::format("put it in quotes: `{} = \"{}\"`; {}", key, printable(value, 200), rest)
             : fmt::format("put the value in quotes; {}", rest);
}

Diagnostic unreadable_config(const std::filesystem::path& file, std::string_view why) {
  Diagnostic diagnostic;
  diagnostic.code = "C002";
  diagnostic.file = file.string();
  diagnostic.message = fmt::format("cannot read the configuration: {}", why);
  diagnostic.hint =
      "name another file with --config, or write one: "
      "`postern config example > postern.toml`";
  return diagnostic;
}

}  // namespace

ConfigResult parse_config(std::string_view text, std::string_view name,
                          const LoadOptions& options) {
  ConfigResult result;
  LoadOptions effective = options;
  Positions positions(std::string(name), text);
  const auto parsed = parse_toml(text, name);
  if (parsed) {
    ConfigReader reader(positions, result.diagnostics, result.config, options);
    reader.read_root(*parsed);
    if (reader.lacks_credentials() && options.read_files) {
      effective.read_files = false;
      effective.load_policy = !reader.policy_lacks_credentials();
    }
  } else {
    Diagnostic diagnostic = positions.at(place_of(parsed.error().source), "C001",
                                         "this is not TOML: " + parsed.error().why);
    diagnostic.hint = syntax_hint(parsed.error().why, diagnostic.source_line.view());
    result.diagnostics.add(std::move(diagnostic));
  }
  if (result.config.listeners.empty()) result.config.listeners.emplace_back();
  if (!positions.has("server.hostname")) {
    result.config.server.hostname =
        options.machine_name.empty() ? machine_name() : options.machine_name;
  }
  if (options.adjust) options.adjust(result.config);
  compile_restrictions(result.config.restrictions, result.config.server.hostname,
                       table_files(result.config), positions, result.diagnostics);
  if (effective.read_files || effective.load_policy) {
    load_vsl(result.config, effective, positions, result.diagnostics);
    load_lua(result.config, effective, positions, result.diagnostics);
  }
  if (parsed) check_config(result.config, effective, positions, result.diagnostics);
  result.diagnostics.sort();
  return result;
}

ConfigResult load_config(const std::filesystem::path& file, const LoadOptions& options) {
  ConfigResult result;
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    result.diagnostics.add(unreadable_config(file, "it is a directory"));
    return result;
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    result.diagnostics.add(unreadable_config(file, std::generic_category().message(errno)));
    return result;
  }
  std::string text(max_file_size + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > max_file_size) {
    result.diagnostics.add(unreadable_config(file, "it is larger than 1 MiB"));
    return result;
  }
  return parse_config(text, file.string(), options);
}

ConfigResult default_config(const LoadOptions& options) { return parse_config("", "", options); }

}  // namespace postern::app
