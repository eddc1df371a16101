// The output of `postern help`, generated from the tables of commands, keys and codes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/cli.h"

namespace postern::app {

/// The overview on one screen: groups, examples, topics.
std::string short_help();
/// The help of one command.
std::string command_help(const CommandSpec& command);
/// The help of one family.
std::string family_help(const FamilySpec& family);
/// Help on a command, a topic (exit-codes, configuration, ...), an error code, a reply code or a
/// word of help_on_word(); nullopt: unknown.
std::optional<std::string> help_on(std::string_view subject);
/// Help on a command of SMTP ("rcpt"), a section or part of a key of the configuration ("[queue]",
/// "message_size"), or part of a keyword of restriction lists; nullopt: unknown.
std::optional<std::string> help_on_word(std::string_view word);
/// `text` in lines of at most 80 columns with `indent` spaces before each; the first line is
/// already filled up to column `begun`. Ends with a line feed.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t begun = 0);
/// The subjects of help_on() that have a page of their own, for suggestions.
std::vector<std::string_view> help_subjects();
/// The completions for "bash", "zsh" or "fish"; nullopt: another shell.
std::optional<std::string> completion_script(std::string_view shell);
/// The files of all manual pages: "postern.8", "postern-serve.8".
std::vector<std::string> manual_pages();
/// A page in mdoc(7), by the name of a command ("dkim-keygen") or of the page without its section
/// ("postern.toml"); nullopt: there is none.
std::optional<std::string> manual_page(std::string_view name);
/// An environment variable that commands read.
struct Variable {
  std::string_view name;  ///< "NO_COLOR"
  std::string_view what;  ///< what it does, as sentences
};
/// All of them.
std::span<const Variable> environment_variables();
/// "the command line is wrong", for example.
std::string_view meaning_of(ExitCode code);

/// An error code with a wrong and a right example, which `postern help CODE` shows; tests load
/// both.
struct CodePage {
  std::string_view code;   ///< "C012"
  std::string_view title;  ///< one line
  std::string_view text;   ///< what it means and what to do
  std::string_view wrong;  ///< TOML that causes the error
  std::string_view right;  ///< TOML without it
};
/// All pages.
std::span<const CodePage> code_pages();
/// The pages about restriction lists, which code_pages() contains.
std::span<const CodePage> restriction_code_pages();

}  // namespace postern::app
