#include "cli/commands_setup.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <istream>
#include <ostream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/doctor_sources.h"
#include "cli/json_text.h"
#include "cli/key_input.h"
#include "cli/mail_dns.h"
#include "cli/setup_answers.h"
#include "config/key_file.h"
#include "config/renewal.h"
#include "doctor/finding.h"
#include "setup/configuration.h"
#include "setup/machine.h"
#include "setup/place.h"
#include "setup/proof.h"
#include "setup/report.h"

namespace postern::app {

namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using setup::Answers;
using setup::SigningKey;
using setup::There;

/// The selector of a new key.
std::string selector_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("s{:04}{:02}", parts.tm_year + 1900, parts.tm_mon + 1);
}

/// Whether it has the form of selector_now(). Other files of the folder may be named after the
/// domain, too: mx.example.org.pem.
bool is_selector(std::string_view word) {
  constexpr std::size_t digits = 6;
  return word.size() == digits + 1 && word.front() == 's' &&
         std::ranges::all_of(word.substr(1), [](char c) { return is_digit(c); });
}

/// The selector of the newest key that an earlier setup made for the domain, else a new one.
std::string selector_for(const std::string& domain, const std::string& folder) {
  const std::string rest = fmt::format(".{}.pem", domain);
  std::string newest;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    const std::string name = file->path().filename().string();
    if (!name.ends_with(rest)) continue;
    std::string word = name.substr(0, name.size() - rest.size());
    if (is_selector(word) && word > newest) newest = std::move(word);
  }
  return newest.empty() ? selector_now() : newest;
}

/// What was made, and is removed again unless keep() is called.
class Made {
 public:
  Made() = default;
  ~Made() {
    for (const std::string& file : files_) ::unlink(file.c_str());
    if (!folder_.empty()) ::rmdir(folder_.c_str());
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  void file(std::string name) { files_.push_back(std::move(name)); }
  void folder(std::string name) { folder_ = std::move(name); }
  void keep() {
    files_.clear();
    folder_.clear();
  }

 private:
  std::vector<std::string> files_;
  std::string folder_;
};

class Setup {
 public:
  Setup(const Arguments& arguments, Streams& streams)
      : arguments_(arguments), streams_(streams), json_(arguments.has("--json")) {}

  int run() {
    config_ = config_named(arguments_).value_or(std::string(service_config));
    if (config_ == "-") {
      return report_usage({"--config: a file is written, not standard output",
                           "`--dry-run` prints the configuration"},
                          json_, streams_);
    }
    config_ = fs::absolute(config_).lexically_normal().string();
    auto gathered = setup_answers(arguments_, config_, streams_);
    if (!gathered) return report_usage(gathered.error(), json_, streams_);
    answers_ = std::move(*gathered);
    if (const int status = look_at_files(); status != 0) return status;
    text_ = setup::configuration(answers_);
    std::string there;
    const Result<There> found = setup::compare(config_, text_, &there);
    if (!found) return end(ExitCode::io, found.error().message, "");
    if (*found == There::other) return refuse_to_overwrite(there);
    if (const int status = prove(); status != 0) return status;
    return arguments_.has("--dry-run") ? show() : write(*found);
  }

 private:
  int end(ExitCode code, std::string_view message, std::string_view hint) {
    report(message, hint, json_, streams_);
    return to_int(code);
  }

  /// Files of a certificate that the service could not read: root, who runs this, can.
  int look_at_files() {
    if (fs::path(config_) != fs::path(service_config)) return 0;
    for (const std::string& file : {answers_.certificate_file, answers_.key_file}) {
      if (file.empty() || file.starts_with("credential:")) continue;
      const std::string why = setup::hidden_from_service(file);
      if (why.empty()) continue;
      const std::string folder = setup::credentials_folder(config_);
      return end(
          ExitCode::config, fmt::format("the service cannot read {}: {}", file, why),
          fmt::format("copy certificate and key to {0}, which the unit gives to the service, "
                      "and name them there: {0}/{1}",
                      folder, fs::path(file).filename().string()));
    }
    return 0;
  }

  int refuse_to_overwrite(const std::string& there) {
    const std::string difference = setup::difference(there, text_);
    if (json_) {
      streams_.out << json_text(json::object{{"file", config_}, {"difference", difference}})
                   << '\n';
    } else {
      streams_.out << fmt::format("--- {}\n+++ what setup would write\n{}", config_, difference);
    }
    return end(ExitCode::cannot_create, config_ + " exists already; it is not overwritten",
               "edit it by hand, move it away, or name another file with --config");
  }

  int prove() {
    LoadOptions load;
    load.credentials = {{"certs", setup::credentials_folder(config_)}};
    written_.config_file = config_;
    written_.hook = renewal_hook();
    written_.users_file = setup::users_file(config_);
    std::error_code unreadable;
    Answers proved = answers_;
    if (!fs::exists(written_.users_file, unreadable))
      proved.users_file = "/dev/null";  // made later
    written_.proof = setup::prove(setup::configuration(proved), config_, proved, load);
    const setup::Proof& proof = written_.proof;
    if (!proof.diagnostics.empty() && !arguments_.has("--quiet")) {
      streams_.err << (json_ ? proof.diagnostics.json_lines()
                             : proof.diagnostics.render(wants_color(arguments_)));
    }
    if (proof.holds()) return 0;
    return end(ExitCode::config, proof.trouble, "nothing was written; change the answers");
  }

  /// What `postern doctor` finds on this machine.
  doctor::Findings look_at_machine() {
    LoadOptions load;
    load.read_files = false;
    const Config config = parse_config(text_, config_, load).config;
    std::ostringstream ignored;  // without name servers, what needs none is looked at
    std::istringstream nothing;
    Streams silent{nothing, ignored, ignored};
    std::unique_ptr<MailDns> dns;
    if (!arguments_.has("--offline")) {
      dns = MailDns::open(arguments_, config, silent).value_or(nullptr);
    }
    return setup::look_at_machine(
        text_, answers_,
        doctor_sources(setup::data_place(answers_), dns.get(), config.dns.timeout));
  }

  void print_machine() {
    streams_.out << "\nThis machine, as `postern doctor` sees it:\n"
                 << doctor::text_of(look_at_machine());
  }

  int show() {
    if (json_) return answer(false);
    if (arguments_.has("--quiet")) return 0;
    streams_.out << text_ << "\n" << setup::report(answers_, written_);
    print_machine();
    if (setup::sends_mail(answers_)) {
      streams_.out << "\nA dry run makes no DKIM key, whose record would be among those above.\n";
    }
    return 0;
  }

  int write(There found) {
    if (streams_.terminal && !arguments_.has("--yes")) {
      streams_.err << text_ << '\n';
      if (!confirmed(fmt::format("Write this to {}?", config_), streams_)) {
        return end(ExitCode::cannot_create, "nothing was written", "");
      }
    }
    Made made;
    if (setup::sends_mail(answers_)) {
      if (const int status = make_keys(made); status != 0) return status;
    }
    if (answers_.submission) {
      const Result<void> listed = write_key(
          written_.users_file,
          Secret("# Who signs in: htpasswd -B -C 12 FILE NAME@DOMAIN, then restart postern.\n"));
      if (listed) made.file(written_.users_file);
      if (!listed && listed.error().fault != Fault::conflict) {
        return end(ExitCode::cannot_create, listed.error().message, "nothing was written");
      }
    }
    if (found != There::same) {
      const Result<void> put = setup::put(config_, text_, found == There::example);
      if (!put) return end(ExitCode::cannot_create, put.error().message, "nothing was written");
    }
    made.keep();
    const std::string text = setup::report(answers_, written_);
    const std::string file = (fs::path(config_).parent_path() / "setup-report.txt").string();
    const Result<void> kept = setup::put(file, text, true);
    if (json_ && kept) return answer(true);
    if (!json_ && !arguments_.has("--quiet")) streams_.out << text;
    if (!kept) return end(ExitCode::io, kept.error().message, "the configuration is in place");
    if (!arguments_.has("--quiet")) {
      print_machine();
      streams_.out << fmt::format("\nThe text above is in {}.\n", file);
    }
    return 0;
  }

  int make_keys(Made& made) {
    const std::string folder = setup::credentials_folder(config_);
    if (::mkdir(folder.c_str(), 0700) == 0) {
      made.folder(folder);
    } else if (errno != EEXIST) {
      return end(ExitCode::cannot_create,
                 fmt::format("cannot make {}: {}", folder, std::generic_category().message(errno)),
                 "");
    }
    for (const std::string& domain : answers_.domains) {
      const std::string selector = selector_for(domain, folder);
      const std::string file = fmt::format("{}/{}.{}.pem", folder, selector, domain);
      std::error_code unreadable;
      if (fs::exists(file, unreadable)) {
        const auto key = read_key(file, arguments_, streams_);
        if (!key) return key.error();
        written_.keys.push_back({{domain, selector, key->public_record()}, file});
        continue;
      }
      const auto key = mailauth::dkim::SigningKey::generate_rsa();
      if (!key) return end(ExitCode::os, key.error().message, "");
      const Result<void> stored = write_key(file, key->private_pem());
      if (!stored) return end(ExitCode::cannot_create, stored.error().message, "");
      made.file(file);
      written_.keys.push_back({{domain, selector, key->public_record()}, file});
    }
    return 0;
  }

  int answer(bool written) {
    json::array list;
    for (const doctor::Record& record : setup::records(answers_, written_.keys)) {
      list.push_back(json::object{{"name", record.name},
                                  {"type", record.type},
                                  {"value", record.value},
                                  {"why", record.why},
                                  {"check", doctor::check_command(record)}});
    }
    json::array keys;
    for (const SigningKey& key : written_.keys) {
      keys.push_back(json::object{
          {"domain", key.record.domain}, {"selector", key.record.selector}, {"file", key.file}});
    }
    json::array ports;
    for (const unsigned port : setup::open_ports(answers_)) ports.emplace_back(port);
    boost::system::error_code malformed;
    json::value machine = json::parse(doctor::json_of(look_at_machine()), malformed);
    streams_.out << json_text(json::object{{"written", written},
                                           {"machine", std::move(machine)},
                                           {"file", config_},
                                           {"configuration", text_},
                                           {"proof", written_.proof.conclusion},
                                           {"dialogue", json::value_from(written_.proof.dialogue)},
                                           {"records", std::move(list)},
                                           {"keys", std::move(keys)},
                                           {"ports", std::move(ports)},
                                           {"report", setup::report(answers_, written_)}})
                 << '\n';
    return 0;
  }

  const Arguments& arguments_;
  Streams& streams_;
  const bool json_;
  std::string config_;
  Answers answers_;
  std::string text_;
  setup::Written written_;
};

}  // namespace

int run_setup(const Arguments& arguments, Streams& streams) {
  return Setup(arguments, streams).run();
}

}  // namespace postern::app
