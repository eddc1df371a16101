// Recording and playback of what scripts were told during decisions.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace postern::policy {

/// A login that a script judged, for replay. Placeholders replace the password and what password
/// stores returned.
struct LoginRecord {
  std::shared_ptr<const std::string> verifier;  ///< its definition, as Layer::definition()
  std::string mechanism;                        ///< in capitals
  std::string authz_id;                         ///< as the client sent it
  std::string authn_id;                         ///< as the client sent it
  std::string password;                         ///< placeholder: "<withheld 1>"
  std::string script;                           ///< answers to the script, as Tape::record
};

/// The tape of one decision. A live decision writes it; a replayed decision plays it: scripts get
/// the recorded answers in order, and nothing is asked outside. For a layer, `record` and `answers`
/// are its own lines; the engine keeps those of the layers apart (Engine::decide()).
struct Tape {
  std::string record;                ///< answers to scripts: a line for each call of a script
  std::optional<LoginRecord> login;  ///< the current login, if a script judged it
  bool playing = false;              ///< play `answers` instead of recording
  std::string answers;               ///< if playing: the lines not played yet

  /// A tape that plays these lines.
  static Tape of(std::string recorded) {
    return {.record = {}, .login = {}, .playing = true, .answers = std::move(recorded)};
  }
};

}  // namespace postern::policy
