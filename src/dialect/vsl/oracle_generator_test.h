// Random functions of the language that end soon and mostly mean something.
#pragma once

#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace postern::dialect::vsl::oracle {

class RandomProgram {
 public:
  RandomProgram(std::uint64_t seed, std::string name) : random_(seed), name_(std::move(name)) {}

  /// `fn NAME() { ... }` behind functions of its own.
  std::string text() {
    std::string all;
    for (int i = 0; i < 2; ++i) {
      known_ = {{"x", 'i'}, {"y", 'i'}};
      in_function_ = true;
      all +=
          fmt::format("fn {}_{}(x, y) {{ {} }}\n", name_, i, behind(1, [&] { return integer(2); }));
      ++functions_;
    }
    known_.clear();
    in_function_ = false;
    all += fmt::format("fn {}() {{\n{}\n}}\n", name_, behind(chance(30) ? 4 : 3, [&] { return any(3); }));
    return all;
  }

 private:
  struct Known {
    std::string name;
    char type;  ///< i, b, s, a, m, g (function)
  };

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool chance(int percent) { return static_cast<int>(below(100)) < percent; }
  template <class... Words>
  std::string one_of(Words... words) {
    const std::string all[] = {words...};
    return all[below(sizeof...(words))];
  }

  /// A name of the type, if there is one; now and then any name.
  std::string variable(char type) {
    if (chance(2)) return one_of("a", "b", "c", "d", "nobody");
    std::vector<std::string> names;
    for (const Known& one : known_) {
      bool hidden = false;
      for (const Known* later = &one + 1; later != known_.data() + known_.size(); ++later) {
        hidden = hidden || later->name == one.name;
      }
      if (one.type == type && !hidden) names.push_back(one.name);
    }
    return names.empty() ? std::string() : names[below(names.size())];
  }

  std::string literal() {
    if (chance(80)) return std::to_string(below(7));
    return one_of("9223372036854775807", "-9223372036854775808", "4611686018427387904",
                  "3037000500", "-1", "63", "1.5", "0.25", "-2.0");
  }

  std::string integer(int depth) {
    if (depth <= 0 || chance(25)) {
      const std::string name = variable('i');
      return name.empty() || chance(40) ? literal() : name;
    }
    if (chance(2)) return any(depth - 1);
    const auto more = [&] { return integer(depth - 1); };
    switch (below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return fmt::format("({} {} {})", more(), one_of("+", "-", "*", "/", "%", "-", "+"), more());
      case 4:
        return fmt::format("({} {} {})", more(), one_of("&", "|", "^", "<<", ">>", "**"), more());
      case 5:
        return fmt::format("-{}", more());
      case 6:
        return fmt::format("if {} {{ {} }} else {{ {} }}", truth(depth - 1),
                           behind(depth - 2, more), more());
      case 7:
        return fmt::format("{{ {} }}", behind(depth - 2, more));
      case 8: {
        const std::string list = variable('a');
        if (list.empty()) return literal();
        return chance(50) ? fmt::format("{}[{}]", list, more()) : list + one_of(".len()", ".len");
      }
      case 9: {
        const std::string map = variable('m');
        if (map.empty()) return literal();
        return one_of(map + ".p", map + "[\"q\"]", map + ".len()", map + "?.p");
      }
      case 10: {
        const std::string function = variable('g');
        return function.empty() ? literal() : fmt::format("{}.call({})", function, more());
      }
      case 11:
        if (functions_ == 0 || in_function_) return literal();
        return fmt::format("{}_{}({}, {})", name_, below(2), more(), more());
      case 12:
        return fmt::format("switch {} {{ {} | 1 => {}, {} if {} => {{ {} }} _ => {} }}", more(),
                           more(), more(), more(), truth(depth - 1), behind(depth - 2, more),
                           more());
      default:
        return fmt::format("{{ try {{ {} }} catch (e) {{ {} }} }}", behind(depth - 2, more),
                           more());
    }
  }

  /// A value behind statements whose names it sees.
  template <class Make>
  std::string behind(int depth, const Make& make) {
    const auto before = known_.size();
    std::string made = statements(depth);
    made += make();
    known_.resize(before);
    return made;
  }

  std::string truth(int depth) {
    if (depth <= 0) return one_of("true", "false");
    switch (below(8)) {
      case 0:
        return fmt::format("!{}", truth(depth - 1));
      case 1:
        return fmt::format("({} {} {})", truth(depth - 1), one_of("&&", "||", "&", "|", "^"),
                           truth(depth - 1));
      case 2:
        return fmt::format("({} {} {})", text_value(depth - 1), one_of("==", "!=", "<", ">=", "in"),
                           text_value(depth - 1));
      case 3:
        return fmt::format("({} {} {})", any(depth - 1), one_of("==", "is", "not"), any(depth - 1));
      case 4:
        return fmt::format("({} in {})", integer(depth - 1), array(depth - 1));
      default:
        return fmt::format("({} {} {})", integer(depth - 1),
                           one_of("<", "<=", ">", ">=", "==", "!="), integer(depth - 1));
    }
  }

  std::string text_value(int depth) {
    const std::string name = variable('s');
    if (!name.empty() && chance(40)) return name;
    if (depth <= 0 || chance(40)) return one_of("\"\"", "\"a\"", "\"bc\"", "'x'", "\"abc\"");
    switch (below(4)) {
      case 0:
        return fmt::format("({} + {})", text_value(depth - 1), any(depth - 1));
      case 1:
        return fmt::format("`v${{{}}}w${{{}}}`", any(depth - 1),
                           behind(depth - 2, [&] { return any(depth - 1); }));
      case 2:
        return fmt::format("{}[{}]", text_value(depth - 1), integer(depth - 1));
      default:
        return fmt::format("{}.{}", array(depth - 1), one_of("to_string()", "type_of()"));
    }
  }

  std::string array(int depth) {
    const std::string name = variable('a');
    if (!name.empty() && chance(40)) return name;
    if (depth <= 0) return one_of("[]", "[1, 2]", "[3, \"a\"]", "[[1], ()]");
    switch (below(5)) {
      case 0:
        return fmt::format("[{}, {}]", any(depth - 1), any(depth - 1));
      case 1:
        return fmt::format("({} + {})", array(depth - 1), any(depth - 1));
      case 2:
        return fmt::format("({}..{}{})", below(4), one_of("", "="), below(5));
      case 3:
        return fmt::format(
            "{}.{}(|k| {})", array(depth - 1), one_of("map", "filter"),
            with("k", 'i', [&] { return chance(50) ? truth(depth - 1) : integer(depth - 1); }));
      default:
        return fmt::format("[{}]", integer(depth - 1));
    }
  }

  std::string any(int depth) {
    switch (below(6)) {
      case 0:
        return truth(depth);
      case 1:
        return text_value(depth);
      case 2:
        return array(depth);
      case 3:
        return depth > 0 ? fmt::format("#{{ p: {}, q: {} }}", any(depth - 1), any(depth - 1))
                         : "()";
      case 4:
        return depth > 0 ? fmt::format("({} ?? {})", any(depth - 1), any(depth - 1)) : "()";
      default:
        return integer(depth);
    }
  }

  template <class Make>
  std::string with(const std::string& name, char type, const Make& make) {
    const auto before = known_.size();
    known_.push_back({name, type});
    const std::string made = make();
    known_.resize(before);
    return made;
  }

  std::string statements(int depth) {
    if (depth < 0) return "";
    std::string all;
    for (std::uint64_t i = below(3) + (depth > 2 ? 2 : 0); i > 0; --i) {
      all += statement(depth) + "\n";
    }
    return all;
  }

  std::string block(int depth) {
    return "{ " + behind(depth - 1, [&] { return chance(50) ? any(depth - 1) : std::string(); }) +
           " }";
  }

  std::string let(int depth) {
    const std::string name = one_of("a", "b", "c", "d");
    const char type = "iiiisamg"[below(8)];
    std::string value;
    switch (type) {
      case 'i':
        value = integer(depth);
        break;
      case 's':
        value = text_value(depth);
        break;
      case 'a':
        value = fmt::format("[{}, {}]", integer(depth - 1), integer(depth - 1));
        break;
      case 'm':
        value = fmt::format("#{{ p: {}, q: {} }}", integer(depth - 1), integer(depth - 1));
        break;
      default:
        value = "|z| " +
                with("z", 'i', [&] { return chance(50) ? integer(depth - 1) : block(depth - 1); });
    }
    known_.push_back({name, type});
    return fmt::format("{} {} = {};", chance(10) ? "const" : "let", name, value);
  }

  std::string loop(int depth) {
    const std::string counter = fmt::format("w{}", counters_++);
    const auto before = known_.size();
    ++loops_;
    std::string made;
    switch (below(4)) {
      case 0:
        made = fmt::format("let {0} = 0; while {0} < {1} {{ {0} += 1; {2} }}", counter, below(4),
                           statements(depth - 1));
        break;
      case 1:
        made = fmt::format("let {0} = 0; loop {{ {0} += 1; if {0} > {1} {{ break {2}; }} {3} }}",
                           counter, below(3), any(1), statements(depth - 1));
        break;
      case 2:
        made = fmt::format("let {0} = 0; do {{ {0} += 1; {1} }} {3} {0} {4} {2};", counter,
                           statements(depth - 1), below(3), "while", "<");
        break;
      default:
        known_.push_back({"i", 'i'});
        made = fmt::format("for {} in {} {{ {} }}", one_of("i", "(i, n)"),
                           one_of("0..3", "[3, 1]", "2..=3", "\"ab\"", array(1)),
                           statements(depth - 1));
    }
    --loops_;
    known_.resize(before);
    return made;
  }

  std::string assign(int depth) {
    const std::string number = variable('i');
    const std::string list = variable('a');
    const std::string map = variable('m');
    switch (below(5)) {
      case 0:
        return list.empty() ? let(depth) : fmt::format("{}.push({});", list, integer(depth));
      case 1:
        return list.empty() ? let(depth)
                            : fmt::format("{}[{}] {} {};", list, integer(1), one_of("=", "+="),
                                          integer(depth));
      case 2:
        return map.empty() ? let(depth)
                           : fmt::format("{}{} {} {};", map, one_of(".p", ".r", "[\"q\"]"),
                                         one_of("=", "-="), integer(depth));
      default:
        if (number.empty() || number[0] == 'w') return let(depth);
        return fmt::format("{} {} {};", number, one_of("=", "+=", "-=", "*=", "="), integer(depth));
    }
  }

  std::string statement(int depth) {
    if (depth <= 0) return assign(0);
    const int loops = loops_;
    switch (below(13)) {
      case 0:
      case 1:
        return loop(depth);
      case 2:
        return fmt::format("if {} {}", truth(depth - 1), block(depth));
      case 3: {
        const std::string tried = block(depth);
        return fmt::format("try {} catch{} {}", tried, one_of("", " (e)"), block(depth));
      }
      case 4:
        if (loops > 0 && chance(60)) {
          return fmt::format("if {} {{ {} }}", truth(1),
                             one_of("break;", "continue;", "break " + any(1) + ";"));
        }
        return fmt::format("if {} {{ {} {}; }}", truth(1), one_of("return", "throw", "throw"),
                           any(1));
      case 5: {
        const std::string function = variable('g');
        return fmt::format("{}.call({});", function.empty() ? "(|q| q)" : function, integer(1));
      }
      case 6:
      case 7:
      case 8:
        return assign(depth - 1);
      default:
        return let(depth - 1);
    }
  }

  std::mt19937_64 random_;
  std::string name_;
  std::vector<Known> known_;
  int functions_ = 0;
  int counters_ = 0;
  int loops_ = 0;
  bool in_function_ = false;
};

}  // namespace postern::dialect::vsl::oracle
