// Internals of postfix_import: knowledge about single parameters.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/postfix_import.h"
#include "dialect/restrictions/table_types.h"
#include "dialect/toml_text.h"

namespace postern::dialect::restrictions {

/// A key of the postern.toml.
struct TomlEntry {
  std::string_view section;  ///< "relay" for [relay]
  std::string_view key;      ///< its name
  std::string value;         ///< in TOML
  std::string_view origin;   ///< the parameter that it comes from; "": none
};

/// The result for a parameter.
struct Judgement {
  Fate fate = Fate::carried;       ///< what became of it
  std::string note;                ///< one sentence; may be empty
  std::vector<TomlEntry> entries;  ///< keys that replace it
};

/// Note for text in another encoding.
inline constexpr std::string_view not_utf8 =
    "not UTF-8, so not in the postern.toml; write it in UTF-8";
/// The same meaning.
inline Judgement carried(std::string note = "") { return {Fate::carried, std::move(note), {}}; }
/// Converted, with a difference.
inline Judgement changed(std::string note) { return {Fate::changed, std::move(note), {}}; }
/// Not converted.
inline Judgement not_supported(std::string note) {
  /// About a part that Postern does not have.
  return {Fate::not_supported, std::move(note), {}};
}
/// Not needed.
inline Judgement meaningless(std::string note) { return {Fate::meaningless, std::move(note), {}}; }

/// Parameters that become keys outside [restrictions], or that state what Postern always does.
/// nullopt: another parameter.
std::optional<Judgement> judge_setting(std::string_view name, const Parameters& parameters,
                                       const ImportOptions& options);

/// Whether clients may authenticate without TLS: as in Postfix, unless a setting forbids it.
bool is_auth_in_the_clear(const Parameters& parameters, const ImportOptions& options);

/// The part of judge_setting() for listeners; their keys are in imported_listeners().
std::optional<Judgement> judge_listener(std::string_view name, const Parameters& parameters,
                                        const ImportOptions& options);

/// Plain addresses and networks as a TOML list; nullopt if there is any other element.
std::optional<std::string> networks_toml(std::string_view name, const Parameters& parameters);
/// Plain addresses as a TOML list, with a port if the parameter takes one; nullopt as above.
std::optional<std::string> addresses_toml(std::string_view name, const Parameters& parameters);
/// Converts the networks to `key` if networks_toml() can.
Judgement judge_networks(std::string_view name, std::string_view key, const Parameters& parameters);

/// Words of a value that Postern does not support.
struct ForeignWords {
  std::set<const TableType*> types;  ///< table types that are not read here
  bool indexed = false;  ///< has a hash: table or the like, whose source is read instead
  /// Tables with a name instead of a file: Postfix reads NAME_host and the like from main.cf.
  std::set<std::string> unfiled;
};
/// Finds them in the value of a parameter.
ForeignWords foreign_words(std::string_view value);

/// The names that judge_setting() knows, without those of listeners.
std::vector<std::string_view> setting_names();
/// A Postfix parameter with a similar name, for typing errors; nullopt: none.
std::optional<std::string_view> likely_parameter(std::string_view name);

/// Parameters without a key, judged by name, and by whether the value asks for anything. nullopt:
/// not a Postfix parameter.
std::optional<Judgement> judge_by_name(std::string_view name, const Parameters& parameters);

/// A service of master.cf (master(5)).
struct MasterService {
  /// What becomes of it.
  enum class Role : std::uint8_t {
    reception,  ///< smtpd on port 25, or after postscreen: main.cf, with its -o settings
    listener,   ///< smtpd on another port: a [[listener]]
    reentry,    ///< smtpd that takes mail back from a content filter
    transport,  ///< an SMTP client with a name of its own
    other,      ///< anything else
  };
  std::string name;      ///< "submission", "127.0.0.1:10025"
  std::string type;      ///< "inet"
  std::string command;   ///< "smtpd"
  std::size_t line = 0;  ///< in the file, from 1
  Role role = Role::other;
  std::string host;        ///< of a listener: its address; empty: those of inet_interfaces
  std::uint16_t port = 0;  ///< of a listener
  /// The -o settings in order, without syslog_name.
  std::vector<std::pair<std::string, std::string>> overrides;
  std::string arguments;  ///< of the command: "user=nobody argv=/usr/bin/policy"

  /// "submission inet (smtpd)", for notes.
  std::string text() const;
  /// Whether it has an -o setting of this name.
  bool sets(std::string_view parameter) const;
};
/// What the import needs of a master.cf.
struct MasterCf {
  bool is_read = false;  ///< there was one
  std::vector<MasterService> services;

  /// The service whose mail main.cf is about; null: none.
  const MasterService* reception() const;
  /// The SMTP client of this name; null: none.
  const MasterService* transport(std::string_view name) const;
  /// Whether a transport of this name is an SMTP client, `smtp` and `relay` too.
  bool is_smtp_client(std::string_view transport) const;
};
/// Reads the services.
MasterCf read_master(const std::optional<std::string>& text);
/// The -o settings of a listener that imported_listeners() carries.
bool is_listener_setting(std::string_view name);
/// The settings of a service: those of main.cf, and its own.
Parameters parameters_of(const MasterService& service, const Parameters& parameters);

/// One [[listener]].
struct ImportedListener {
  const MasterService* service = nullptr;  ///< null: port 25
  std::string name;                        ///< "submission"
  std::vector<TomlEntry> entries;          ///< its keys
};
/// One per address, in order: of port 25, unless master.cf has no such service, then of the other
/// ones. `parameters`: of port 25.
std::vector<ImportedListener> imported_listeners(const Parameters& parameters,
                                                 const MasterCf& master,
                                                 const ImportOptions& options);

/// A restriction list of one service, as a class that check_listener_access chooses.
struct ListenerList {
  std::string parameter;            ///< "smtpd_client_restrictions"
  std::string class_name;           ///< "submission_client"
  std::string rules;                ///< of the class
  std::size_t line = 0;             ///< of the service in master.cf
  std::set<std::string> listeners;  ///< names
};
/// Whether it is a list that a service may set for itself.
bool is_list_of_listener(std::string_view name);
/// The lists of the listeners' services. One that could let strangers relay, as it refuses nobody
/// itself, leaves the rest to the list of main.cf.
std::vector<ListenerList> listener_lists(const std::vector<ImportedListener>& listeners,
                                         const Parameters& parameters);

/// A section of the file that may occur several times: "[[route]]".
struct TomlSection {
  std::string_view name;           ///< with its brackets
  std::vector<TomlEntry> entries;  ///< in order
};

/// Domains whose mail is accepted, and that have no [[route]].
struct Homeless {
  std::string text;  ///< "one.example", "the domains in hash:/etc/more"
  std::string name;  ///< the domain; "": several, which cannot be listed
};

/// Outgoing mail and logins. Each depends on several parameters and on the tables that they refer
/// to.
struct Sending {
  std::map<std::string, Judgement, std::less<>> judgements;  ///< by parameter
  std::vector<TomlEntry> relay;                              ///< keys of [relay]
  std::vector<TomlSection> sections;          ///< [[auth.source]], [[egress]], [[route]]
  std::vector<SecretFile> secrets;            ///< files for passwords
  std::vector<std::string> notes;             ///< a sentence each
  std::set<std::string, std::less<>> routed;  ///< patterns that have a [[route]]
  /// By the parameter that lists them, in its order: mydestination, virtual_alias_domains,
  /// virtual_mailbox_domains, relay_domains.
  std::map<std::string, std::vector<Homeless>, std::less<>> homeless;
  std::string login_socket;  ///< of Dovecot, relative to the queue directory; "": elsewhere
  std::string rest;          ///< what the gateway does with other mail: "sends it to smart.example"
};
/// Converts the parameters of outgoing mail and logins.
Sending sending_of(const Parameters& parameters, const MasterCf& master,
                   const ImportOptions& options);

/// Parameters with a default that depends on the compatibility level, sorted.
std::span<const std::string_view> parameters_of_levels();

/// The section to add for these domains: `[[route]]`, `match = [...]` and `to = ["HOST"]`.
std::string wanted_route(const std::vector<std::string>& names);

/// Notes about services in master.cf that override a parameter, or listen.
/// `lists`: those that are carried.
std::vector<std::string> master_notes(const MasterCf& master,
                                      const std::vector<ListenerList>& lists);

/// The paths relative to the queue directory in a value of restrictions: "private/postgrey" of
/// "check_policy_service unix:private/postgrey". Each once, in order.
std::vector<std::string> sockets_in_queue(std::string_view value);

/// What has to be done for a carried socket in the queue directory: its program may be one that
/// Postfix starts (spawn(8)), and its folder is closed. `path`: relative, "private/postgrey".
/// Empty: nothing.
std::string socket_note(const std::string& path, const Parameters& parameters,
                        const MasterCf& master);

/// Notes about defaults that the file relies on. `has_indexed`: it has hash: tables or the like.
std::vector<std::string> import_notes(const Parameters& parameters, const Sending& sending,
                                      bool has_indexed);

/// Stands for myhostname if the file does not set it.
inline constexpr std::string_view no_hostname = "myhostname.invalid";
/// Whether a domain contains this name.
bool is_stand_in(std::string_view domain, const Parameters& parameters);

/// Whether smtpd asks clients for a certificate, where it offers TLS.
bool asks_for_certificates(const Parameters& parameters);

}  // namespace postern::dialect::restrictions
