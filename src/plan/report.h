// A comparison as text and as JSON (docs/plan.md).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "plan/compare.h"
#include "plan/guard.h"

namespace postern::plan {

/// What both forms are made from.
struct Report {
  Comparison comparison;                ///< what was found
  std::string before;                   ///< name of OLD
  std::string after;                    ///< name of NEW
  std::string before_digest;            ///< "sha256:…" of the decided configuration
  std::string after_digest;             ///< likewise
  bool after_is_open = false;           ///< NEW is an open relay: it would not be served
  std::string open_relay;               ///< "no", "keyed", "yes" of NEW's lists; empty: no lists
  std::vector<GuardResult> guardrails;  ///< of NEW
  /// Those of them, by number, for which NEW would not be served, and what they are for OLD.
  std::map<std::size_t, GuardResult::Word> broken;
  std::vector<Weakened> weakened;     ///< guardrails of OLD that those of NEW do not stand for
  std::chrono::microseconds took{0};  ///< wall time of the comparison, without the guardrails
  bool asks_replies = false;          ///< other codes of refusals are a difference, too
  /// Files with relative names in two configurations of different folders: one file stands for
  /// both.
  std::set<std::string> read_once;
  /// [[route]] differs, and it was not asked where taken mail goes.
  bool routes_unasked = false;
  /// smtpd_sasl_auth_enable differs: who signs in is answered 503 by one version, at AUTH.
  bool auth_differs = false;
};

/// A dialogue that was played.
boost::json::object spoken_json(const Spoken& spoken);
/// What a version did with it.
boost::json::object side_json(const Side& side);
/// The line with layer, rule, place and row behind `begin`; empty: no rule decided.
std::string decided_by(const Side& side, std::string_view begin);

/// The dialogue of a witness in a line: "client 192.0.2.7, HELO mx.example.com, not authenticated,
/// MAIL FROM:<a@example.com>, RCPT TO:<b@example.net>".
std::string line_of(const Witness& witness);

/// What the edit does, in one or two sentences without line ends: "Accepts more: mail to foreign
/// destinations, sender partner.example. Nothing more is refused."
std::string sentence_of(const Comparison& found);

/// The report in JSON.
boost::json::object report_json(const Report& report);
/// The report for people; lines end in LF.
std::string report_text(const Report& report);

}  // namespace postern::plan
