// Inside of postfix_import: what is known about single parameters.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/postfix_import.h"
#include "dialect/restrictions/table_types.h"
#include "dialect/toml_text.h"

namespace postern::dialect::restrictions {

/// A key of the postern.toml, its value in TOML, and the parameter that it comes from ("" for
/// none).
struct TomlEntry {
  std::string_view section;
  std::string_view key;
  std::string value;
  std::string_view origin;
};

struct Judgement {
  Fate fate = Fate::carried;
  std::string note;
  std::vector<TomlEntry> entries;
};

inline constexpr std::string_view not_utf8 =
    "not UTF-8, so not in the postern.toml; write it in UTF-8";
inline Judgement carried(std::string note = "") { return {Fate::carried, std::move(note), {}}; }
inline Judgement changed(std::string note) { return {Fate::changed, std::move(note), {}}; }
inline Judgement not_supported(std::string note) {
  return {Fate::not_supported, std::move(note), {}};
}
inline Judgement meaningless(std::string note) { return {Fate::meaningless, std::move(note), {}}; }

/// Parameters that have a key outside [restrictions], or say what Postern does anyway. Null when
/// it is none of these.
std::optional<Judgement> judge_setting(std::string_view name, const Parameters& parameters,
                                       const ImportOptions& options);

/// Whether a client may log in before STARTTLS, as it is with Postfix unless something forbids it.
bool is_auth_in_the_clear(const Parameters& parameters, const ImportOptions& options);

/// The part of judge_setting() that is about listeners; their entries are listener_entries().
std::optional<Judgement> judge_listener(std::string_view name, const Parameters& parameters,
                                        const ImportOptions& options);

/// Plain addresses and networks as a TOML list; nullopt when anything else stands there.
std::optional<std::string> networks_toml(std::string_view name, const Parameters& parameters);
/// Plain addresses alone, with a port where the list wants one.
std::optional<std::string> addresses_toml(std::string_view name, const Parameters& parameters);
/// Whether networks_toml() can say it in `key`.
Judgement judge_networks(std::string_view name, std::string_view key, const Parameters& parameters);

/// What Postern does not carry among the words of a value.
struct ForeignWords {
  std::set<std::string> keywords;    ///< of a restriction list: "reject_unverified_sender"
  std::set<const TableType*> types;  ///< of tables that are not read here
  bool indexed = false;              ///< a hash: table or the like, whose source is read instead
};
ForeignWords foreign_words(std::string_view value, bool is_restriction_list);

/// The names that judge_setting() knows, those of listeners aside.
std::vector<std::string_view> setting_names();
/// A parameter of Postfix whose name is a slip of the hand away; null without.
std::optional<std::string_view> likely_parameter(std::string_view name);

/// Parameters without any key: by their names alone. Null for a name that Postfix does not know.
std::optional<Judgement> judge_by_name(std::string_view name);

/// A [[listener]] for each address, in order: the entries of each.
std::vector<std::vector<TomlEntry>> listener_entries(const Parameters& parameters,
                                                     const ImportOptions& options);

/// A section of the file that stands there several times, or once: "[[route]]".
struct TomlSection {
  std::string_view name;
  std::vector<TomlEntry> entries;
};

/// What is said about mail on its way out, and about logins: each of them looks at several
/// parameters and at the tables that they name.
struct Sending {
  std::map<std::string, Judgement, std::less<>> judgements;  ///< by parameter
  std::vector<TomlEntry> relay;                              ///< of [relay]
  std::vector<TomlSection> sections;  ///< [[auth.source]], [[egress]], [[route]]
  std::vector<SecretFile> secrets;
  std::vector<std::string> notes;
  std::set<std::string, std::less<>> routed;  ///< patterns that a [[route]] is for
  std::string rest;  ///< what the gateway does with other mail: "sends it to smart.example"
};
Sending sending_of(const Parameters& parameters, const ImportOptions& options);

/// The parameters whose default depends on the compatibility level, sorted.
std::span<const std::string_view> parameters_of_levels();

/// The services of master.cf that set something apart, or listen.
std::vector<std::string> master_notes(const std::optional<std::string>& master_cf);

/// About what the file leaves to defaults. `has_indexed`: it names hash: tables or the like.
std::vector<std::string> import_notes(const Parameters& parameters, const Sending& sending,
                                      bool has_indexed);

/// The name that myhostname has here while the file does not set it; nobody's domain.
inline constexpr std::string_view no_hostname = "myhostname.invalid";
/// Whether a domain is made of that name.
bool is_stand_in(std::string_view domain, const Parameters& parameters);

}  // namespace postern::dialect::restrictions
