// What `postern help` says; every word of it comes from the tables of commands, keys and codes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/cli.h"

namespace postern::app {

/// The one screen: groups, examples, topics.
std::string short_help();
std::string command_help(const CommandSpec& command);
std::string family_help(const FamilySpec& family);
/// A command, a topic (exit-codes, configuration, ...) or an error code; nullopt: none.
std::optional<std::string> help_on(std::string_view subject);
/// Everything help_on() knows, for "did you mean".
std::vector<std::string_view> help_subjects();
/// "bash", "zsh" or "fish"; nullopt: another.
std::optional<std::string> completion_script(std::string_view shell);
/// "the command line is wrong"
std::string_view meaning_of(ExitCode code);

/// A mistake and what it takes to mend it; `postern help CODE` shows both and tests load both.
struct CodePage {
  std::string_view code;
  std::string_view title;
  std::string_view text;
  std::string_view wrong;  ///< TOML
  std::string_view right;
};
std::span<const CodePage> code_pages();
/// Those about restriction lists, which code_pages() has too.
std::span<const CodePage> restriction_code_pages();

}  // namespace postern::app
