// Manual pages in mdoc(7), from the tables of commands and keys.
#include <algorithm>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/made_pages.h"
#include "cli/mdoc.h"
#include "config/schema.h"

namespace postern::app {

namespace {

std::string dashed(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, ' ', '-');
  return out;
}

/// 8: those that run the gateway or prepare it, as root; 1: the others.
int section_of(const CommandSpec& command) {
  constexpr std::string_view of_operators[] = {"serve",  "reload", "setup",
                                               "doctor", "backup", "restore"};
  return std::ranges::find(of_operators, command.name) == std::end(of_operators) ? 1 : 8;
}

std::string list_of_options(std::span<const OptionSpec> options) {
  std::string out;
  for (const OptionSpec& option : options) {
    const std::string left = option.usage();
    out += fmt::format(".It {}\n{}", argument(left), prose(option.help));
    if (!option.preset.empty()) out += prose(fmt::format("Default: {}", option.preset));
  }
  return out;
}

std::string page_of(const CommandSpec& command) {
  std::string out = head("postern-" + dashed(command.name), section_of(command), command.summary);
  out += fmt::format(".Sh SYNOPSIS\n.Nm postern\n{}\n",
                     roff(fmt::format("{} {}", command.name, command.usage)));
  out += ".Sh DESCRIPTION\n" + prose(command.purpose);
  out += ".Pp\nThe options are:\n.Bl -tag -width Ds\n" + list_of_options(options_of(command)) +
         ".El\n";
  out += ".Sh EXIT STATUS\n.Bl -tag -width Ds\n";
  for (const ExitCode code : command.exit_codes) {
    out += fmt::format(".It {}\n{}", to_int(code), prose(meaning_of(code)));
  }
  out += ".El\n.Sh EXAMPLES\n.Bl -tag -width Ds\n";
  for (const ExampleSpec& example : command.examples) {
    out += fmt::format(".It {}\n{}", argument(example.line), prose(example.what));
  }
  return out + ".El\n.Sh SEE ALSO\n" + references({{5, "postern.toml"}, {8, "postern"}});
}

std::string page_of_all() {
  std::string out = head("postern", 8, "SMTP gateway whose acceptance policy is yours");
  out +=
      ".Sh SYNOPSIS\n.Nm postern\n.Ar command\n.Op Ar options\n.Sh DESCRIPTION\n"
      "Takes mail over SMTP, decides by a policy whether it is accepted, and hands it to a webhook "
      "or relays it.\nThe commands are:\n.Bl -tag -width Ds\n";
  for (const CommandSpec& command : commands()) {
    out += fmt::format(".It {}\n{}", argument(command.name), prose(command.purpose));
  }
  std::vector<std::pair<int, std::string>> pages{{5, "postern.toml"}, {7, "postern-errors"}};
  for (const MadePage& made : made_pages()) pages.emplace_back(made.section, made.name);
  for (const CommandSpec& command : commands()) {
    pages.emplace_back(section_of(command), "postern-" + dashed(command.name));
  }
  out += ".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n";
  for (const Variable& variable : environment_variables()) {
    out += fmt::format(".It Ev {}\n{}", variable.name, prose(variable.what));
  }
  out += fmt::format(".El\n.Sh FILES\n.Bl -tag -width Ds\n.It Pa {}\n{}", service_config,
                     prose("The configuration of the service. Commands read it if none is named; "
                           "serve does not."));
  return out + ".El\n.Sh SEE ALSO\n" + references(std::move(pages));
}

std::string page_of_configuration() {
  std::string out = head("postern.toml", 5, "configuration of Postern");
  out +=
      ".Sh DESCRIPTION\nOne TOML file.\nEvery key has a default and may be left out.\n"
      "An unknown key or section is an error.\n";
  std::string_view section;
  for (const Key& key : config_keys()) {
    if (key.section != section) {
      if (!section.empty()) out += ".El\n";
      section = key.section;
      out += fmt::format(".Ss {}\n.Bl -tag -width Ds\n", argument(section_header(section)));
    }
    out += fmt::format(".It {}\n{}", argument(fmt::format("{} = {}", key.name, key.preset)),
                       prose(key.comment));
  }
  return out + ".El\n.Sh SEE ALSO\n" + references({{1, "postern-check"}, {8, "postern"}});
}

/// What the reference of a dialect has besides the words that are made from its tables.
std::string page_of(const MadePage& made) {
  std::string out = head(made.name, made.section, made.brief);
  out += ".Sh DESCRIPTION\n" + prose(made.intro) + mdoc_of_markdown(made.markdown());
  std::vector<std::pair<int, std::string>> pages{
      {1, "postern-check"}, {1, "postern-explain"}, {5, "postern.toml"}, {8, "postern"}};
  return out + ".Sh SEE ALSO\n" + references(std::move(pages));
}

std::string page_of_errors() {
  std::string out = head("postern-errors", 7, "error codes of Postern");
  out +=
      ".Sh DESCRIPTION\nErrors and warnings about a configuration or a policy have a code.\n"
      "The command\n.Ql postern help CODE\nalso shows an example of each.\n"
      ".Bl -tag -width Ds\n";
  for (const CodePage& page : code_pages()) {
    out += fmt::format(".It {}\n{}", argument(fmt::format("{}: {}", page.code, page.title)),
                       prose(page.text));
  }
  return out + ".El\n.Sh SEE ALSO\n" +
         references({{1, "postern-check"}, {5, "postern.toml"}, {8, "postern"}});
}

}  // namespace

std::vector<std::string> manual_pages() {
  std::vector<std::string> names{"postern.8", "postern.toml.5", "postern-errors.7"};
  for (const MadePage& made : made_pages()) {
    names.push_back(fmt::format("{}.{}", made.name, made.section));
  }
  for (const CommandSpec& command : commands()) {
    names.push_back(fmt::format("postern-{}.{}", dashed(command.name), section_of(command)));
  }
  return names;
}

std::optional<std::string> manual_page(std::string_view name) {
  if (name == "postern") return page_of_all();
  if (name == "postern.toml") return page_of_configuration();
  if (name == "postern-errors") return page_of_errors();
  for (const MadePage& made : made_pages()) {
    if (name == made.name) return page_of(made);
  }
  for (const CommandSpec& command : commands()) {
    const std::string dash = dashed(command.name);
    if (name == command.name || name == dash || name == "postern-" + dash) return page_of(command);
  }
  return std::nullopt;
}

}  // namespace postern::app
