// The versions that `postern plan` and `postern check --against` compare.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/running_policies.h"
#include "config/exit_code.h"
#include "plan/edit.h"
#include "plan/suggest.h"
#include "ptest/file.h"
#include "serve/stored_policies.h"

namespace postern::app {

/// The version with an edit of its lists, whose text is read again; nullopt: that does not load.
/// Blocks.
std::optional<plan::Edition> edited(const plan::Edition& edition, const plan::ListEdit& edit,
                                    const LoadOptions& load);

/// Loads both versions. Errors are reported to the streams, with the version that does not load.
class PlanVersions {
 public:
  /// Both outlive this object.
  PlanVersions(const Arguments& arguments, Streams& streams)
      : arguments_(arguments), streams_(streams) {}

  /// Two versions: "running", "revision:N", a file of tests, or a configuration. A configuration
  /// beside a version of the gateway gets the gateway's webhooks, and its lists if those of the API
  /// would stay in force. Blocks.
  tl::expected<std::pair<plan::Edition, plan::Edition>, ExitCode> load(const std::string& before,
                                                                       const std::string& after);
  /// Says it if a running gateway has lists in force, set through the API, that would stay so in
  /// the place of those of this configuration. Blocks.
  void note_lists_in_force(const std::string& word, const Config& config);
  /// How it reads configurations. `arguments` must outlive the result.
  static LoadOptions load_options(const Arguments& arguments);
  /// Gives up the files that these versions do not need, if that is due (cli/confine.h). Part of
  /// load(), for a command that loads one of them before. Blocks.
  void confine(const std::string& before, const std::string& after);

 private:
  using Loaded = tl::expected<plan::Edition, ExitCode>;

  /// What a running gateway decides with.
  struct Gateway {
    plan::Edition edition;  ///< in force
    StoredPolicies stored;
    LiveData::Control control;
  };

  /// The text of a version that is a file, read once.
  const Result<std::string>& read(const std::string& word);
  /// What POSTERN_CONFIG names.
  std::optional<std::string> environment() const;
  Loaded file(const std::string& word);
  Loaded file_of_tests(const std::string& word);
  tl::expected<void, ExitCode> open_gateway(const std::filesystem::path& data_dir);
  Loaded of_gateway(const std::string& word);
  void note_replaced(const std::string& word);
  tl::expected<void, ExitCode> put_in_its_place(plan::Edition& edition);
  tl::unexpected<ExitCode> report_version(const Diagnostics& diagnostics, const std::string& word,
                                          const std::string& advice, ExitCode code);
  tl::unexpected<ExitCode> report_error(const std::string& message, const std::string& advice,
                                        ExitCode code);

  const Arguments& arguments_;
  Streams& streams_;
  std::map<std::string, Result<std::string>> texts_;  ///< of files, by their names
  std::optional<Gateway> gateway_;
};

/// The webhooks of a file of tests become those of the version, with webhooks.public_domain. The
/// file's directory was filled without an error.
void put_webhooks(const ptest::File& file, const std::shared_ptr<policy::Directory>& directory,
                  plan::Edition& edition);

/// Whether the word names a version of the running gateway: "running", "revision:3".
bool is_of_gateway(std::string_view word);

/// Policies and tables with the same relative name in two configurations that lie in different
/// folders: names are relative to the working folder, so both versions have read the same file.
/// Sorted.
std::set<std::string> read_once(const plan::Edition& before, const plan::Edition& after);

}  // namespace postern::app
