#include "dialect/restrictions/postfix_import.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/expansion.h"
#include "dialect/restrictions/lmdb_text.h"
#include "dialect/restrictions/postfix_import_parts.h"
#include "dialect/restrictions/rules.h"
#include "dialect/restrictions/section.h"

namespace postern::dialect::restrictions {

namespace {

using SettingValues = std::map<std::string, std::string, std::less<>>;

/// Parameters whose value is a list of words: line breaks in it have no meaning.
bool is_list_setting(std::string_view name) {
  return name.ends_with("_restrictions") || name.ends_with("_maps") || name.ends_with("_domains") ||
         name == "mynetworks" || name == "mydestination";
}

/// Whether no brace is open at the end of the line.
bool has_whole_braces(const std::string& line) {
  return std::ranges::count(line, '{') == std::ranges::count(line, '}');
}

std::string joined_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

class Importer {
 public:
  Importer(std::vector<Setting> settings, const ImportOptions& options)
      : options_(options),
        master_(read_master(options.master_cf)),
        settings_(with_lists(unique(with_master(std::move(settings))))),
        parameters_(values(settings_), std::string(no_hostname)),
        sending_(sending_of(parameters_, master_, options)) {}

  void run(PostfixImport& result) {
    find_restrictions();
    find_mistakes();
    refuse_names(result.diagnostics);
    if (!result.ok()) return;
    note_references();
    for (const Setting& setting : settings_) {
      ImportedParameter report = judge(setting);
      report.name = setting.name;
      report.line = setting.line;
      if (const auto service = services_.find(setting.name); service != services_.end()) {
        if (!report.note.empty()) report.note += "; ";
        report.note += fmt::format("-o in master.cf line {}", service->second);
      }
      if (const auto chosen = chosen_.find(setting.name); chosen != chosen_.end()) {
        if (!report.note.empty()) report.note += "; ";
        report.note += "before it, the lists of " + chosen->second + " in master.cf";
      }
      report.overridden = overridden_[setting.name];
      if (!report.overridden.empty()) {
        if (!report.note.empty()) report.note += "; ";
        report.note += "set several times; the last value is used";
      }
      result.parameters.push_back(std::move(report));
    }
    result.notes = import_notes(parameters_, sending_, has_indexed_);
    result.notes.insert(result.notes.end(), sending_.notes.begin(), sending_.notes.end());
    for (std::string& note : master_notes(master_, lists_)) {
      result.notes.push_back(std::move(note));
    }
    for (std::string& note : socket_notes()) result.notes.push_back(std::move(note));
    result.toml = toml();
    result.secrets = std::move(sending_.secrets);
  }

 private:
  /// Adds the -o settings of the service on port 25; and where another service lets clients log in,
  /// but main.cf does not, its settings about that: they are the same for all listeners.
  std::vector<Setting> with_master(std::vector<Setting> all) {
    const auto is_set = [&](std::string_view name) {
      return std::ranges::find(all, name, &Setting::name) != all.end();
    };
    const auto add = [&](const std::string& name, const std::string& value, std::size_t line) {
      services_[name] = line;
      all.push_back({.name = name, .value = value, .line = 0, .lines = {value}});
    };
    if (const MasterService* first = master_.reception()) {
      for (const auto& [name, value] : first->overrides) add(name, value, first->line);
    }
    static constexpr std::string_view enable = "smtpd_sasl_auth_enable";
    const auto yes = [](const auto& one) { return one.first == enable && one.second == "yes"; };
    const auto logs_in = std::ranges::find_if(master_.services, [&](const MasterService& one) {
      return one.role == MasterService::Role::listener && std::ranges::any_of(one.overrides, yes);
    });
    const bool already = std::ranges::any_of(
        all, [&](const Setting& one) { return one.name == enable && iequals(one.value, "yes"); });
    if (already || logs_in == master_.services.end()) return all;
    for (const auto& [name, value] : logs_in->overrides) {
      const bool is_login = name == "smtpd_sasl_type" || name == "smtpd_sasl_path";
      if (name != enable && (!is_login || is_set(name))) continue;
      only_for_logins_.insert(name);
      add(name, value, logs_in->line);
    }
    return all;
  }

  /// Adds the lists of listeners, as classes that the list of all begins with.
  std::vector<Setting> with_lists(std::vector<Setting> all) {
    const Parameters base(values(all), std::string(no_hostname));
    lists_ = listener_lists(imported_listeners(base, master_, options_), base);
    const auto put_before = [&](const std::string& name, const std::string& words,
                                std::size_t line) {
      const auto found = std::ranges::find(all, name, &Setting::name);
      if (found == all.end()) {
        services_[name] = line;
        lines_[name] = 0;
        const std::string rest = base.raw(name);
        const std::string value = words + (rest.empty() ? "" : ", " + rest);
        all.push_back({.name = name, .value = value, .line = 0, .lines = {value}});
        return;
      }
      const bool is_empty = trim(found->value).empty();
      found->value = words + (is_empty ? "" : ", " + found->value);
      if (found->lines.size() > 1) {
        found->lines.insert(found->lines.begin(), words + ",");
      } else {
        found->lines = {found->value};
      }
    };
    std::string classes;
    std::map<std::string, std::string> rows;
    std::map<std::string, std::size_t> lines;
    for (const ListenerList& list : lists_) {
      services_[list.class_name] = list.line;
      lines_[list.class_name] = 0;
      all.push_back(
          {.name = list.class_name, .value = list.rules, .line = 0, .lines = {list.rules}});
      classes += (classes.empty() ? "" : ", ") + list.class_name;
      for (const std::string& listener : list.listeners) {
        std::string& row = rows[list.parameter];
        row += fmt::format("{}{}={}", row.empty() ? "" : ", ", listener, list.class_name);
        std::string& names = chosen_[list.parameter];
        names += (names.empty() ? "" : ", ") + listener;
      }
      lines.emplace(list.parameter, list.line);
    }
    if (!lists_.empty()) put_before("smtpd_restriction_classes", classes, lists_.front().line);
    for (const auto& [name, row] : rows) {
      put_before(name, "check_listener_access inline:{" + row + "}", lines[name]);
    }
    return all;
  }

  /// The settings of port 25 alone.
  Parameters of_reception() const {
    SettingValues own = values(settings_);
    for (const std::string& name : only_for_logins_) own.erase(name);
    return Parameters(std::move(own), std::string(no_hostname));
  }

  /// For each name, the setting that is in force.
  std::vector<Setting> unique(std::vector<Setting> all) {
    std::map<std::string, std::size_t, std::less<>> last;
    for (std::size_t i = 0; i < all.size(); ++i) last[all[i].name] = i;
    std::vector<Setting> kept;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (last[all[i].name] == i) {
        lines_[all[i].name] = all[i].line;
        kept.push_back(std::move(all[i]));
      } else {
        overridden_[all[i].name].push_back(all[i].line);
      }
    }
    return kept;
  }

  static SettingValues values(const std::vector<Setting>& settings) {
    SettingValues out;
    for (const Setting& setting : settings) out.emplace(setting.name, setting.value);
    return out;
  }

  // --- the contents of [restrictions] ---

  void find_restrictions() {
    if (const auto words = parameters_.words("smtpd_restriction_classes")) {
      for (const Word& word : *words) classes_.insert(word.text);
    }
    for (const Setting& setting : settings_) {
      if (setting.name == "queue_directory") continue;  // only if it is needed
      if (is_restriction_parameter(setting.name) || classes_.contains(setting.name)) {
        follow(setting.name);
      } else if (const auto own = judge_outside(setting.name)) {
        if (own->fate == Fate::carried || own->fate == Fate::changed) note_users(setting.name);
      }
    }
    const bool in_queue_folder = std::ranges::any_of(restrictions_, [&](const std::string& name) {
      return !sockets_in_queue(parameters_.raw(name)).empty();
    });
    if (in_queue_folder && parameters_.is_set("queue_directory")) follow("queue_directory");
  }

  /// Notes about the sockets that carried parameters name in the queue directory.
  std::vector<std::string> socket_notes() const {
    std::map<std::string, std::set<std::string>> users;
    for (const std::string& name : restrictions_) {
      for (std::string& path : sockets_in_queue(parameters_.raw(name))) {
        users[std::move(path)].insert(name);
      }
    }
    if (!sending_.login_socket.empty()) {
      users[sending_.login_socket].insert("smtpd_sasl_path");
    }
    std::vector<std::string> notes;
    for (const auto& [path, names] : users) {
      const std::string note = socket_note(path, parameters_, master_);
      if (!note.empty()) notes.push_back(Importer::users(names) + ": " + note);
    }
    return notes;
  }

  /// Adds a parameter and those that its value refers to.
  void follow(const std::string& first) {
    std::vector<std::string> open{first};
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      if (!restrictions_.insert(name).second) continue;
      for (std::string& other : references(parameters_.raw(name))) {
        if (!parameters_.is_set(other)) continue;
        users_[other].insert(name);
        open.push_back(std::move(other));
      }
    }
  }

  /// Notes the same references for a parameter that is carried outside [restrictions].
  void note_users(const std::string& first) {
    std::vector<std::string> open{first};
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      for (std::string& other : references(parameters_.raw(name))) {
        if (!parameters_.is_set(other)) continue;
        if (elsewhere_[other].insert(name).second) open.push_back(std::move(other));
      }
    }
  }

  void refuse_names(Diagnostics& diagnostics) const {
    // A macro or a class cannot have the name of such a key.
    for (const std::string_view name : own_keys()) {
      if (!restrictions_.contains(name)) continue;
      diagnostics.push_back({Diagnostic::Severity::error,
                             "R053",
                             {std::string(name), 0},
                             fmt::format("line {}: {} is a key of [restrictions] with another "
                                         "meaning",
                                         lines_.find(name)->second, name),
                             "give it another name in main.cf, and where it is used"});
    }
  }

  /// What `postern check` would report about the lists, as far as it can be known here: files that
  /// cannot be read count as empty.
  void find_mistakes() {
    TableSources sources;
    std::set<std::string> unread;
    sources.read = [&](const std::string& path) -> Result<std::string> {
      auto text = options_.read ? options_.read(path)
                                : Result<std::string>(fail(Fault::not_found, "not looked at"));
      if (text) return source_text(path, std::move(*text));
      unread.insert(printable(path, 200));
      return std::string();
    };
    sources.find = [&](const std::string& path) -> Result<HostFile> {
      unread.insert(printable(path, 200));
      return fail(Fault::not_found, path + ": not looked at");
    };
    const Compiled compiled = compile(parameters_, sources);
    std::size_t compared = 0;
    for (const Diagnostic& one : compiled.diagnostics) {
      const bool error = one.severity == Diagnostic::Severity::error;
      if (!error && one.code != "R013") continue;
      // describe() reads the file.
      if (one.place.parameter == "myorigin" && parameters_.raw("myorigin").starts_with('/')) {
        continue;
      }
      auto& about = error ? errors_ : warnings_;
      const auto before = about.find(one.place.parameter);
      if (before != about.end() && before->second.size() == 3) continue;
      // About a file that is absent nothing is known. The comparisons are limited, as both lists
      // may be long.
      compared += unread.size();
      const bool unknown =
          compared > most_compared || std::ranges::any_of(unread, [&](const std::string& path) {
            return one.message.find(path) != std::string::npos;
          });
      if (unknown) continue;
      about[one.place.parameter].push_back(printable(one.message, 300) + hint_of(one));
    }
  }
  static std::string hint_of(const Diagnostic& one) {
    return one.hint.starts_with("did you mean") ? " (" + one.hint + ")" : "";
  }
  static std::string joined_by_semicolon(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : "; ") + text;
    return out;
  }

  // --- the result for each parameter ---

  void note_references() {
    for (const Setting& setting : settings_) {
      for (std::string& name : references(setting.value)) {
        if (name != setting.name) referrers_.emplace(std::move(name), setting.name);
      }
    }
    if (!options_.master_cf) return;
    for (std::string& name : references(*options_.master_cf)) in_master_.insert(std::move(name));
  }

  /// For a parameter that has a place outside [restrictions]; nullopt if it has none.
  std::optional<Judgement> judge_outside(const std::string& name) const {
    const auto sent = sending_.judgements.find(name);
    return sent != sending_.judgements.end() ? sent->second
                                             : judge_setting(name, parameters_, options_);
  }

  ImportedParameter judge(const Setting& setting) {
    const std::string& name = setting.name;
    auto own = judge_outside(name);
    if (own) entries_.insert(entries_.end(), own->entries.begin(), own->entries.end());
    if (restrictions_.contains(name)) return judge_restriction(setting, own);
    if (!own) own = judge_by_name(name, parameters_);
    if (own) return with_users(name, *std::move(own));
    if (elsewhere_.contains(name)) {
      return {.name = name, .fate = Fate::carried, .note = "used by " + users(elsewhere_[name])};
    }
    if (const auto user = referrers_.find(name); user != referrers_.end()) {
      return {.name = name,
              .fate = Fate::meaningless,
              .note = fmt::format("only {} refers to it", user->second)};
    }
    if (in_master_.contains(name)) {
      return {.name = name,
              .fate = Fate::not_supported,
              .note = "only master.cf refers to it; its services are not carried (see the notes)"};
    }
    const auto meant = ++unknown_ <= most_hints ? likely_parameter(name) : std::nullopt;
    return {.name = name,
            .fate = Fate::meaningless,
            .note = std::string("Postfix 3.7 has no such parameter, and nothing refers to it") +
                    (options_.master_cf ? "" : " in main.cf") +
                    (meant ? fmt::format("; did you mean {}?", *meant) : "")};
  }

  /// A parameter outside [restrictions] that a carried one may refer to.
  ImportedParameter with_users(const std::string& name, Judgement own) {
    if (own.fate == Fate::meaningless && elsewhere_.contains(name)) {
      own.fate = Fate::carried;
      own.note = "used by " + users(elsewhere_[name]);
    }
    return {.name = name, .fate = own.fate, .note = std::move(own.note)};
  }

  ImportedParameter judge_restriction(const Setting& setting, const std::optional<Judgement>& own) {
    const std::string& name = setting.name;
    ImportedParameter out{.name = name};
    if (auto problem = problem_of(setting); !problem.empty()) {
      out.fate = Fate::not_supported;
      out.note = std::move(problem);
    } else if (is_restriction_parameter(name)) {
      if (own) {
        out.fate = own->fate;
        out.note = own->note;
      }
      describe(name, out);
    } else if (classes_.contains(name)) {
      out.note = "a restriction class";
    } else {
      out.note = "used by " + users(users_[name]);
      auto other = own ? own : judge_by_name(name, parameters_);
      if (other && (other->fate == Fate::not_supported || other->fate == Fate::changed)) {
        out.fate = Fate::changed;
        out.note += "; itself: " + other->note;
      }
    }
    if (const auto warned = warnings_.find(name);
        warned != warnings_.end() && out.fate != Fate::not_supported) {
      out.fate = Fate::changed;
      out.note += (out.note.empty() ? "" : "; ") + joined_by_semicolon(warned->second);
    }
    return out;
  }

  /// Whether `by` names one of the parameter's tables, too.
  bool is_asked(std::string_view name, std::string_view by) const {
    if (!parameters_.is_set(by)) return false;
    const auto own = parameters_.words(name);
    const auto others = parameters_.words(by);
    if (!own || !others) return false;
    return std::ranges::any_of(*own, [&](const Word& one) {
      return std::ranges::any_of(*others,
                                 [&](const Word& other) { return other.text == one.text; });
    });
  }

  static std::string users(const std::set<std::string>& names) {
    return joined_words({names.begin(), names.end()});
  }

  /// What prevents carrying the value unchanged; "" for nothing.
  std::string problem_of(const Setting& setting) {
    if (!is_utf8(setting.name) || !is_utf8(setting.value)) {
      return std::string(not_utf8);
    }
    if (const auto value = parameters_.value(setting.name);
        !value && setting.name != "default_rbl_reply") {
      return fmt::format("copied unchanged, and Postern does not start with it: {}",
                         value.error().message);
    }
    const auto [types, indexed, unfiled] = foreign_words(setting.value);
    has_indexed_ = has_indexed_ || indexed;
    if (types.empty() && !unfiled.empty()) {
      const std::string_view table = *unfiled.begin();
      const std::string_view name = table.substr(table.find(':') + 1);
      return fmt::format(
          "copied unchanged, and Postern does not start with it: {} has its settings in main.cf "
          "({}_...); write them into a file without `{}_`, and name that: {}:/etc/postfix/{}.cf",
          table, name, name, table.substr(0, table.find(':')), name);
    }
    if (types.empty()) {
      const auto found = errors_.find(setting.name);
      if (found == errors_.end()) return {};
      return "copied unchanged, and Postern does not start with it: " +
             joined_by_semicolon(found->second);
    }
    std::string out = "copied unchanged, and Postern does not start with it: ";
    std::string separator;
    for (const TableType* type : types) {
      out += fmt::format("{}{}: tables are not read, {}", std::exchange(separator, "; "),
                         type->name, type->help);
    }
    return out;
  }

  void describe(const std::string& name, ImportedParameter& out) {
    if (name == "address_verify_map") {
      out.fate = Fate::changed;
      out.note = "results are kept in the data directory; an empty value keeps them in memory";
    } else if ((name == "virtual_alias_maps" || name == "virtual_maps") &&
               !trim(parameters_.text(name)).empty()) {
      out.fate = Fate::changed;
      out.note = "names the recipients that exist; addresses are not rewritten";
    } else if (name == "alias_maps" && is_asked("alias_maps", "local_recipient_maps")) {
      out.fate = Fate::changed;
      out.note =
          "its names, `name: value` as in aliases(5), exist as local recipients; addresses are "
          "not rewritten";
    } else if (name == "alias_maps") {
      out.fate = Fate::not_supported;
      out.note = fmt::format(
          "{}; addresses are not rewritten",
          parameters_.is_set("local_recipient_maps")
              ? "local_recipient_maps does not ask it"
              : "it is not used while local_recipient_maps is not set, and every local recipient "
                "is accepted: set local_recipient_maps = unix:passwd.byname $alias_maps");
    } else if (name == "queue_directory") {
      out.note = "the folder of the sockets of policy services";
    } else if (name == "alias_database") {
      out.note = "if another parameter names its files, they are read in the format of aliases(5)";
    } else if (name == "myorigin" && parameters_.raw(name).starts_with('/')) {
      const std::string path = parameters_.raw(name);
      const auto text = options_.read
                            ? options_.read(path)
                            : Result<std::string>(fail(Fault::not_found, "not looked at"));
      const std::string first = text ? std::string(trim(split(*text, '\n').front())) : "";
      if (first.empty() || !is_utf8(first)) {
        out.fate = Fate::not_supported;
        out.note = fmt::format("{} could not be read; write the domain itself", printable(path));
      } else {
        out.fate = Fate::changed;
        out.note = fmt::format("the name in {}, as it is now", printable(path));
        replaced_[name] = first;
      }
    }
  }

  // --- the file ---

  std::string origin(std::string_view name) const {
    const auto found = lines_.find(name);
    if (found == lines_.end()) return {};
    if (found->second == 0) {
      return fmt::format("  # master.cf:{}", services_.find(name)->second);
    }
    return fmt::format("  # {}:{}", options_.file_name, found->second);
  }

  std::string section(std::string_view name) const {
    std::string out;
    for (const TomlEntry& entry : entries_) {
      if (entry.section != name) continue;
      out += fmt::format("{} = {}{}\n", entry.key, entry.value, origin(entry.origin));
    }
    return out.empty() ? out : fmt::format("\n[{}]\n{}", name, out);
  }

  std::string restrictions() const {
    std::string out = "\n[restrictions]\n";
    if (!parameters_.is_set("compatibility_level")) {
      out += fmt::format("compatibility_level = \"0\"  # what Postfix takes when {} says nothing\n",
                         options_.file_name);
    }
    for (const Setting& setting : settings_) {
      if (!restrictions_.contains(setting.name)) continue;
      const bool laid_out = (is_list_setting(setting.name) || classes_.contains(setting.name)) &&
                            std::ranges::all_of(setting.lines, has_whole_braces);
      std::vector<std::string> lines = laid_out ? setting.lines : std::vector{setting.value};
      if (const auto other = replaced_.find(setting.name); other != replaced_.end()) {
        lines = {other->second};
      }
      const auto value = toml_string(lines);
      if (!value || !is_utf8(setting.name)) continue;  // reported as not supported
      out += fmt::format("{} = {}{}\n", toml_key(setting.name), *value, origin(setting.name));
    }
    if (!parameters_.is_set("smtpd_sasl_auth_enable")) {
      out += fmt::format(
          "smtpd_sasl_auth_enable = \"no\"  # what Postfix takes when {} says nothing\n",
          options_.file_name);
    }
    return out;
  }

  static std::string toml_key(std::string_view name) {
    const bool bare = std::all_of(name.begin(), name.end(),
                                  [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
    return bare ? std::string(name) : toml_quoted(name);
  }

  std::string toml() {
    std::string out =
        fmt::format("# Made from {} by `postern import postfix`.\n", options_.file_name);
    out += section("server");
    for (const auto& listener : imported_listeners(of_reception(), master_, options_)) {
      out += "\n[[listener]]\n";
      for (const TomlEntry& entry : listener.entries) {
        out += fmt::format("{} = {}{}\n", entry.key, entry.value, origin(entry.origin));
      }
    }
    entries_.insert(entries_.end(), sending_.relay.begin(), sending_.relay.end());
    for (const std::string_view name : {"limits", "timeouts", "relay", "queue"}) {
      out += section(name);
    }
    for (const TomlSection& one : sending_.sections) {
      out += fmt::format("\n[[{}]]\n", one.name);
      for (const TomlEntry& entry : one.entries) {
        out += fmt::format("{} = {}{}\n", entry.key, entry.value, origin(entry.origin));
      }
    }
    return out + wanted_routes() + restrictions();
  }

  /// A [[route]] to fill in for the domains that have none.
  std::string wanted_routes() const {
    std::vector<std::string> names;
    std::set<std::string_view> seen;
    for (const auto& [parameter, domains] : sending_.homeless) {
      for (const Homeless& one : domains) {
        if (!one.name.empty() && seen.insert(one.name).second) names.push_back(one.name);
      }
    }
    if (names.empty()) return {};
    return fmt::format(
        "\n# Mail for these domains is accepted, and has no place yet: name the server that has "
        "the "
        "mailboxes.\n# [[route]]\n# match = {}\n# to = [\"HOST\"]\n",
        toml_list(names));
  }

  static constexpr std::size_t most_hints = 100;  ///< parameters for which a name is suggested
  static constexpr std::size_t most_compared = 4'000'000;

  const ImportOptions& options_;
  const MasterCf master_;
  std::map<std::string, std::size_t, std::less<>> services_;  ///< lines of -o settings, by name
  std::set<std::string> only_for_logins_;  ///< settings of another service, for all listeners here
  std::vector<ListenerList> lists_;        ///< of listeners
  std::map<std::string, std::string, std::less<>> chosen_;  ///< their names, by parameter
  std::map<std::string, std::vector<std::size_t>, std::less<>> overridden_;
  std::map<std::string, std::size_t, std::less<>> lines_;
  std::vector<Setting> settings_;
  Parameters parameters_;
  Sending sending_;
  std::set<std::string, std::less<>> classes_;
  std::set<std::string, std::less<>> restrictions_;
  std::map<std::string, std::set<std::string>> users_;      ///< within [restrictions]
  std::map<std::string, std::set<std::string>> elsewhere_;  ///< within carried ones outside
  std::map<std::string, std::string> referrers_;            ///< the first that refers to it
  std::set<std::string> in_master_;                         ///< names in master.cf
  std::size_t unknown_ = 0;                                 ///< unknown parameters so far
  std::map<std::string, std::string, std::less<>> replaced_;
  std::vector<TomlEntry> entries_;
  std::map<std::string, std::vector<std::string>, std::less<>> errors_;  ///< by parameter
  std::map<std::string, std::vector<std::string>, std::less<>> warnings_;
  bool has_indexed_ = false;
};

}  // namespace

bool PostfixImport::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& one) {
    return one.severity == Diagnostic::Severity::error;
  });
}

PostfixImport import_postfix(std::string_view main_cf, const ImportOptions& options) {
  PostfixImport result;
  std::vector<Setting> settings = parse_main_cf(main_cf, result.diagnostics);
  if (result.ok()) Importer(std::move(settings), options).run(result);
  return result;
}

}  // namespace postern::dialect::restrictions
