#include "cli/commands_import.h"

#include <cerrno>
#include <filesystem>
#include <ostream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "base/host_file.h"
#include "base/shown.h"
#include "base/text.h"
#include "cli/commands_store.h"
#include "cli/json_text.h"
#include "cli/mail_text.h"
#include "config/input_file.h"
#include "dialect/restrictions/postfix_import.h"
#include "dialect/vsl/import.h"

namespace postern::app {

namespace {

namespace json = boost::json;
using dialect::Fate;
using dialect::fate_key;
using dialect::fate_word;
using dialect::fates;
using dialect::ImportedParameter;
using dialect::ImportReport;
using dialect::restrictions::PostfixImport;
using dialect::vsl::VsmtpImport;

std::string import_counts(const ImportReport& import) {
  std::string out;
  for (const Fate fate : fates) {
    const std::size_t count = import.count(fate);
    if (count == 0) continue;
    const bool singular = fate != Fate::meaningless || count == 1;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count,
                       singular ? fate_word(fate) : "have no meaning here");
  }
  return out;
}

/// Line and name, and the note if there is one.
std::string parameter_text(const ImportedParameter& one) {
  // A setting of another file, which the note names, has no line in this one.
  std::string out = one.line == 0 ? "  " : fmt::format("  {}:", one.line);
  out += printable(one.name, 80);
  if (!one.note.empty()) out += fmt::format(": {}", without_passwords(one.note));
  return out + "\n";
}

std::string report_text(const ImportReport& import, const std::string& name) {
  std::string out = fmt::format("{}: {} parameters: {}\n", name, import.parameters.size(),
                                import.parameters.empty() ? "none set" : import_counts(import));
  // What needs manual work comes last, next to the prompt.
  for (const Fate fate : {Fate::meaningless, Fate::carried, Fate::changed, Fate::not_supported}) {
    if (import.count(fate) == 0) continue;
    out += fmt::format("\n{} (line:name)\n", fate_word(fate));
    for (const ImportedParameter& one : import.parameters) {
      if (one.fate == fate) out += parameter_text(one);
    }
  }
  if (!import.notes.empty()) out += "\nnotes\n";
  for (const std::string& note : import.notes)
    out += fmt::format("  {}\n", without_passwords(note));
  return out;
}

json::object report_json(const ImportReport& import, const std::string& name) {
  json::object counts;
  for (const Fate fate : fates) counts[fate_key(fate)] = import.count(fate);
  json::array notes;
  for (const std::string& note : import.notes) notes.emplace_back(without_passwords(note));
  json::array parameters;
  for (const ImportedParameter& one : import.parameters) {
    parameters.push_back({{"name", policy::octets_json(one.name)},
                          {"line", one.line},
                          {"overridden_lines", json::value_from(one.overridden)},
                          {"fate", fate_key(one.fate)},
                          {"note", policy::or_null(without_passwords(one.note))}});
  }
  return {{"file", name},
          {"counts", std::move(counts)},
          {"parameters", std::move(parameters)},
          {"notes", std::move(notes)}};
}

Result<void> write_new(const std::string& file, const std::string& text, mode_t mode = 0666) {
  const auto why = [] { return std::generic_category().message(errno); };
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0 && errno == EEXIST) return fail(Fault::conflict, file + " exists already");
  if (descriptor < 0) return fail(Fault::denied, fmt::format("cannot make {}: {}", file, why()));
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
  const bool whole = done == text.size();
  const std::string trouble = whole ? "" : why();
  const bool closed = ::close(descriptor) == 0;
  if (whole && closed) return {};
  const std::string reason = whole ? why() : trouble;
  ::unlink(file.c_str());
  return fail(Fault::permanent, fmt::format("cannot write {}: {}", file, reason));
}

/// The first mistake with its hint, and all others.
int report_mistakes(const PostfixImport& import, const std::string& name,
                    const Arguments& arguments, Streams& streams) {
  using Severity = dialect::restrictions::Diagnostic::Severity;
  for (const auto& one : import.diagnostics) {
    if (one.severity != Severity::error) continue;
    report(fmt::format("{}: {}", name, one.message), one.hint, arguments.has("--json"), streams);
  }
  return to_int(ExitCode::bad_data);
}

/// Why the result cannot be served: its lists relay for unknown clients, or Postfix itself would
/// reject them.
std::vector<std::string> relay_troubles(const PostfixImport& import, const std::string& name) {
  LoadOptions options;
  options.read_files = false;
  const ConfigResult result = parse_config(import.toml, name, options);
  std::vector<std::string> troubles;
  for (const Diagnostic& one : result.diagnostics.list()) {
    const bool relay = one.code == "R110" || one.code == "R113";
    if (relay && one.severity == Severity::error) troubles.push_back(one.message);
  }
  return troubles;
}

/// Why the result cannot be served, and what to do.
struct Troubles {
  std::vector<std::string> relay;
  std::string hint;
};

int write_result(const ImportReport& import, const std::string& name, const Troubles& troubles,
                 const Arguments& arguments, Streams& streams) {
  const auto out = arguments.value("--out");
  const bool to_file = out && *out != "-";
  const bool as_json = arguments.has("--json");
  const ExitCode verdict = troubles.relay.empty() ? ExitCode::ok : ExitCode::no;
  if (to_file) {
    if (const Result<void> written = write_new(*out, import.toml); !written) {
      report(written.error().message, "--out names a file that does not exist yet", as_json,
             streams);
      return to_int(written.error().fault == Fault::permanent ? ExitCode::io
                                                              : ExitCode::cannot_create);
    }
  }
  if (as_json) {
    json::object report = report_json(import, name);
    report["out"] = to_file ? json::value(*out) : json::value(nullptr);
    if (!to_file) report["toml"] = import.toml;
    report["relay"] = json::value_from(troubles.relay);
    streams.out << json_text(report) << '\n';
    return to_int(verdict);
  }
  if (!to_file) streams.out << import.toml;
  if (!arguments.has("--quiet")) {
    streams.err << report_text(import, name);
    if (to_file) {
      streams.err << fmt::format("\nWritten to {}. Next: postern check --config {}\n", *out, *out);
    }
  }
  for (const std::string& one : troubles.relay) report(one, troubles.hint, false, streams);
  return to_int(verdict);
}

/// Prints each with its line, like errors of our own configuration.
int report_mistakes(const VsmtpImport& import, const std::string& name, std::string_view text,
                    const Arguments& arguments, Streams& streams) {
  Diagnostics diagnostics;
  for (const auto& one : import.mistakes) {
    diagnostics.add({.code = one.code,
                     .file = name,
                     .line = one.line,
                     .column = one.column,
                     .end_column = one.end_column,
                     .source_line = std::string(line_of(text, one.line)),
                     .message = one.message,
                     .label = one.label,
                     .hint = one.hint});
  }
  if (arguments.has("--json")) {
    streams.out << diagnostics.json_lines();
  } else {
    streams.err << diagnostics.render(wants_color(arguments));
  }
  return to_int(ExitCode::bad_data);
}

/// The file to import, or standard input.
struct NamedText {
  std::string name;  ///< in reports and comments
  std::string text;
};

/// Nullopt: `code` is the exit code.
std::optional<NamedText> read_named(std::string_view usual, const Arguments& arguments,
                                    Streams& streams, int& code) {
  const std::string file = arguments.words.empty() ? "-" : arguments.words.front();
  Result<std::string> text = read_input(file, streams.in, largest_import);
  if (!text) {
    report(text.error().message, help_of(arguments), arguments.has("--json"), streams);
    code = to_int(exit_code_of(text.error().fault));
    return std::nullopt;
  }
  return NamedText{file == "-" ? std::string(usual)
                               : printable(std::filesystem::path(file).filename().string(), 80),
                   *std::move(text)};
}

/// The absolute directory of --out; empty if the result is printed.
std::string folder_of_result(const Arguments& arguments) {
  const auto out = arguments.value("--out");
  if (!out || *out == "-") return {};
  return std::filesystem::absolute(*out).parent_path().string();
}

/// The files created by this run. The destructor removes those that are not kept.
class MadeFiles {
 public:
  MadeFiles() = default;
  MadeFiles(const MadeFiles&) = delete;
  MadeFiles& operator=(const MadeFiles&) = delete;
  ~MadeFiles() {
    for (const std::string& one : files_) ::unlink(one.c_str());
  }
  Result<void> write(const std::string& file, const std::string& text) {
    auto written = write_new(file, text, 0600);
    if (written) files_.push_back(file);
    return written;
  }
  void keep() { files_.clear(); }

 private:
  std::vector<std::string> files_;
};

/// Writes each password that the result names to a file, before the result itself.
Result<void> write_secrets(const PostfixImport& import, const Arguments& arguments,
                           MadeFiles& files) {
  const std::string folder = folder_of_result(arguments);
  if (folder.empty()) return {};
  // write_result() reports an existing file.
  if (::access(arguments.value("--out")->c_str(), F_OK) == 0) return {};
  for (const auto& one : import.secrets) {
    if (auto written = files.write(folder + "/" + one.name, one.text); !written) return written;
  }
  return {};
}

/// Reads a file named in the configuration or next to it; devices and pipes are refused.
Result<std::string> read_text(const std::string& path) {
  return read_host_file(path, {.largest = largest_import});
}

std::optional<std::string> master_beside(const Arguments& arguments) {
  if (arguments.words.empty() || arguments.words.front() == "-") return std::nullopt;
  const auto beside = std::filesystem::path(arguments.words.front()).parent_path() / "master.cf";
  auto text = read_text(beside.string());
  if (!text) return std::nullopt;
  return *std::move(text);
}

}  // namespace

int run_import_postfix(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  if (arguments.words.empty() && streams.terminal) {
    return report_usage({"which file?", "`postern import postfix /etc/postfix/main.cf`"}, as_json,
                        streams);
  }
  int code = 0;
  const auto input = read_named("main.cf", arguments, streams, code);
  if (!input) return code;
  const PostfixImport import =
      dialect::restrictions::import_postfix(input->text, {.file_name = input->name,
                                                          .folder = folder_of_result(arguments),
                                                          .master_cf = master_beside(arguments),
                                                          .read = read_text});
  if (!import.ok()) return report_mistakes(import, input->name, arguments, streams);
  MadeFiles secrets;
  if (const auto written = write_secrets(import, arguments, secrets); !written) {
    report(written.error().message, "move it away, or write the result into another folder",
           as_json, streams);
    return to_int(ExitCode::cannot_create);
  }
  code = write_result(
      import, input->name,
      {relay_troubles(import, input->name),
       "end smtpd_relay_restrictions with reject_unauth_destination; serve refuses to start"},
      arguments, streams);
  if (code == to_int(ExitCode::ok) || code == to_int(ExitCode::no)) secrets.keep();
  return code;
}

int run_import_vsmtp(const Arguments& arguments, Streams& streams) {
  if (arguments.words.empty() && streams.terminal) {
    return report_usage({"which file?", "`postern import vsmtp /etc/vsmtp/vsmtp.toml`"},
                        arguments.has("--json"), streams);
  }
  int code = 0;
  const auto input = read_named("vsmtp.toml", arguments, streams, code);
  if (!input) return code;
  const VsmtpImport import = dialect::vsl::import_vsmtp(input->text, {.file_name = input->name});
  if (!import.ok()) return report_mistakes(import, input->name, input->text, arguments, streams);
  return write_result(import, input->name, {}, arguments, streams);
}

}  // namespace postern::app
