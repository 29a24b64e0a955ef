// --- Code ---
// One reader of tokens for all languages, told of each what its comments, strings and words are. It goes over a text once and
// makes elements of it; where it knows no better, it leaves the text plain.

const codeLimit = 100_000;  // characters that are coloured

const lexis = {
  slashes: String.raw`\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)`,
  hash: String.raw`(?<![^\s;&|(){}\[\]])#[^\n]*`,
  dashes: String.raw`--[^\n]*|\/\*[^]*?(?:\*\/|$)`,
  double: String.raw`"(?:\\[^]|[^"\\\n])*"?`,
  single: String.raw`'(?:\\[^]|[^'\\\n])*'?`,
  character: String.raw`'(?:\\[^'\n]{1,10}|[^\\'\n])'`,
  tripled: String.raw`"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)`,
  template: "`(?:\\\\[^]|[^`\\\\])*`?",
  doubled: String.raw`'(?:''|[^'])*'?`,
};

/// {names, comment, string, words (keywords), literals, property, meta, ignoresCase, plainTypes (capitals say nothing)} by name.
const codeLanguages = new Map();
{
  const c = "auto break case const continue default do else enum extern for goto if inline register return sizeof static struct switch typedef union volatile while";
  const cTypes = " bool char double float int int8_t int16_t int32_t int64_t long short signed size_t uint8_t uint16_t uint32_t uint64_t unsigned void";
  const js = "async await break case catch class const continue debugger default delete do else export extends finally for from function get if import in instanceof let new of return set static super switch this throw try typeof var void while with yield";
  const java = "abstract assert boolean break byte case catch char class const continue default do double else enum extends final finally float for if implements import instanceof int interface long native new package private protected public record return short static strictfp super switch synchronized this throw throws transient try var void volatile while yield";
  const { slashes, hash, dashes, double, single, character, tripled, template, doubled } = lexis;
  const define = (names, facts) => names.split(" ").forEach(name => codeLanguages.set(name, { words: "", literals: "true false null", ...facts }));
  define("c h", { comment: slashes, string: `${double}|${character}`, words: c + cTypes, literals: "NULL true false", meta: String.raw`^[ \t]*#[ \t]*\w+` });
  define("cpp c++ cc cxx hpp cuda objc objective-c arduino", { comment: slashes, string: `${double}|${character}`, meta: String.raw`^[ \t]*#[ \t]*\w+`,
    words: `${c}${cTypes} alignas alignof catch class co_await co_return co_yield concept consteval constexpr const_cast decltype delete dynamic_cast explicit final friend mutable namespace new noexcept operator override private protected public reinterpret_cast requires static_assert static_cast template this throw try typename using virtual`, literals: "true false nullptr NULL" });
  define("cs csharp c#", { comment: slashes, string: `${double}|${character}`, words: `${java} as async await base checked decimal delegate dynamic event explicit extern fixed foreach get goto implicit in init internal is lock namespace object operator out override params readonly ref sbyte sealed set sizeof stackalloc string struct typeof uint ulong unchecked unsafe ushort using virtual where` });
  define("java", { comment: slashes, string: `${tripled}|${double}|${character}`, words: java, meta: String.raw`@\w+` });
  define("kotlin kt kts", { comment: slashes, string: `${tripled}|${double}|${character}`, meta: String.raw`@\w+`,
    words: "abstract actual as break by catch class companion const constructor continue data do else enum expect external final finally for fun get if import in infix init inline inner interface internal is lateinit object open operator out override package private protected public return sealed set super suspend tailrec this throw try typealias val var vararg when where while" });
  define("swift", { comment: slashes, string: `${tripled}|${double}`, literals: "true false nil", meta: String.raw`[@#]\w+`,
    words: "actor any as associatedtype async await borrowing break case catch class consuming continue convenience default defer deinit didSet do dynamic else enum extension fallthrough fileprivate final for func get guard if import in indirect infix init inout internal is isolated lazy let mutating nonisolated nonmutating open operator optional override package postfix precedencegroup prefix private protocol public repeat required rethrows return self Self sending set some static struct subscript super switch throw throws try typealias unowned unsafe var weak where while willSet" });
  define("js javascript mjs cjs jsx node", { comment: slashes, string: `${double}|${single}|${template}`, words: js, literals: "true false null undefined NaN Infinity" });
  define("ts typescript tsx", { comment: slashes, string: `${double}|${single}|${template}`, literals: "true false null undefined NaN Infinity", meta: String.raw`@\w+`,
    words: `${js} abstract any as asserts bigint boolean declare enum implements infer interface is keyof module namespace never number object override private protected public readonly satisfies string symbol type unique unknown` });
  define("go golang", { comment: slashes, string: `${double}|${template}|${character}`, literals: "true false nil iota",
    words: "any bool break byte case chan comparable complex128 complex64 const continue default defer else error fallthrough float32 float64 for func go goto if import int int16 int32 int64 int8 interface map package range return rune select string struct switch type uint uint16 uint32 uint64 uint8 uintptr var" });
  define("rust rs", { comment: slashes, string: `${double}|${character}`, literals: "true false None", meta: String.raw`#!?\[[^\[\]\n]{1,200}\]|\b\w+!`,
    words: "as async await bool box break char const continue crate dyn else enum extern f32 f64 fn for i128 i16 i32 i64 i8 if impl in isize let loop macro_rules match mod move mut pub ref return self Self static str struct super trait type u128 u16 u32 u64 u8 union unsafe use usize where while" });
  define("zig", { comment: String.raw`\/\/[^\n]*`, string: `${double}|${character}`, meta: String.raw`@\w+`, literals: "true false null undefined",
    words: "align allowzero and anyframe anytype asm async await bool break callconv catch comptime const continue defer else enum errdefer error export extern f32 f64 fn for i32 i64 i8 if inline isize noalias nosuspend opaque or orelse packed pub resume return struct suspend switch test threadlocal try type u16 u32 u64 u8 union unreachable usize var void volatile while" });
  define("dart", { comment: slashes, string: `${tripled}|${double}|${single}`, meta: String.raw`@\w+`, words: `${js} abstract as assert base bool covariant deferred double dynamic enum extension external factory final Function implements int interface is late library mixin num on operator part required rethrow sealed show sync typedef when` });
  define("php", { comment: `${slashes}|${hash}`, string: `${double}|${single}`, property: String.raw`\$\w+`, meta: String.raw`<\?(?:php)?|\?>`, ignoresCase: true,
    words: "abstract and array as break case catch class clone const continue declare default do echo else elseif empty enum extends final finally fn for foreach function global goto if implements include instanceof interface isset list match namespace new or print private protected public readonly require require_once return static switch throw trait try unset use var while yield" });
  define("scala", { comment: slashes, string: `${tripled}|${double}|${character}`, meta: String.raw`@\w+`, words: "abstract case catch class def do else enum export extends extension final finally for given if implicit import inline lazy match new object open override package private protected return sealed super then this throw trait try type using val var while with yield" });
  define("py python py3 python3 pyi ipython", { comment: String.raw`#[^\n]*`, string: `(?:\\b[rRbBfFuU]{1,2}(?=["']))?(?:${tripled}|${double}|${single})`, literals: "True False None", meta: String.raw`@[\w.]+`,
    words: "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return self try while with yield" });
  define("rb ruby", { comment: hash, string: `${double}|${single}`, literals: "true false nil", property: String.raw`@{1,2}\w+|\$\w+`,
    words: "alias and begin break case class def defined do else elsif end ensure for if in include module next not or private protected public raise redo require rescue retry return self super then undef unless until when while yield" });
  define("lua", { comment: String.raw`--\[\[[^]*?(?:\]\]|$)|--[^\n]*`, string: `${double}|${single}`, literals: "true false nil", words: "and break do else elseif end for function goto if in local not or repeat return then until while" });
  define("r", { comment: String.raw`#[^\n]*`, string: `${double}|${single}`, literals: "TRUE FALSE NULL NA Inf NaN", words: "break else for function if in library next repeat require return while" });
  define("jl julia", { comment: String.raw`#=[^]*?(?:=#|$)|#[^\n]*`, string: `${tripled}|${double}|${character}`, literals: "true false nothing missing", meta: String.raw`@\w+`,
    words: "abstract begin break catch const continue do else elseif end export finally for function global if import in let local macro module mutable primitive quote return struct try type using where while" });
  define("hs haskell", { comment: String.raw`--[^\n]*|\{-[^]*?(?:-\}|$)`, string: `${double}|${character}`, literals: "True False Nothing",
    words: "as case class data default deriving do else forall foreign hiding if import in infix infixl infixr instance let module newtype of qualified then type where" });
  define("ex exs elixir", { comment: String.raw`#[^\n]*`, string: `${tripled}|${double}|${single}`, literals: "true false nil", meta: String.raw`@\w+`, property: String.raw`:\w+`,
    words: "after alias and case catch cond def defimpl defmacro defmodule defp defprotocol defstruct do else end fn for if import in not or quote raise receive require rescue try unless unquote use when with" });
  define("sh bash zsh shell console", { comment: hash, string: `${double}|'[^']*'?`, property: String.raw`\$(?:\w+|\{[^}\n]*\}?|[@*#?$!-])`, plainTypes: true,
    words: "alias break case cd continue declare do done echo elif else esac eval exec exit export fi for function if in local printf read readonly return select set shift source test then time trap unset until while" });
  define("ps1 powershell", { comment: String.raw`<#[^]*?(?:#>|$)|#[^\n]*`, string: `${double}|${doubled}`, property: String.raw`\$\w+`, ignoresCase: true, plainTypes: true,
    words: "begin break catch class continue do else elseif end enum exit finally for foreach function if in param process return switch throw trap try until using while" });
  define("sql postgresql mysql sqlite plsql", { comment: dashes, string: `${doubled}|"[^"\\n]*"?`, ignoresCase: true, plainTypes: true,
    words: "add all alter and as asc avg begin between by cascade case cast check column commit constraint count create cross database default delete desc distinct drop else end exists foreign from full function grant group having if in index inner insert into is join key left like limit max min not null offset on or order outer over partition primary references returning right rollback select set sum table then transaction trigger union unique update using values view when where with bigint boolean char date decimal float int integer numeric real serial smallint text timestamp varchar" });
  define("json json5 jsonc", { comment: slashes, string: double, property: String.raw`"(?:\\[^]|[^"\\\n])*"(?=\s{0,20}:)`, plainTypes: true });
  define("yaml yml", { comment: hash, string: `${double}|${doubled}`, property: String.raw`^[ \t]*(?:- +)?[\w.\/-]+(?=:(?:\s|$))`, literals: "true false null yes no on off", plainTypes: true });
  define("toml ini conf cfg properties systemd editorconfig", { comment: String.raw`^[ \t]*[#;][^\n]*|(?<=\s)#[^\n]*`, string: `${tripled}|${double}|${single}`, property: String.raw`^[ \t]*[\w."-]+(?=[ \t]*=)`, meta: String.raw`^[ \t]*\[[^\]\n]*\]+`, plainTypes: true });
  define("css scss less", { comment: slashes.replace(String.raw`\/\/[^\n]*|`, ""), string: `${double}|${single}`, property: String.raw`--[\w-]+|(?<![\w-])[\w-]{1,60}(?=\s{0,20}:\s)`, meta: String.raw`@[\w-]+|#[\da-fA-F]{3,8}\b`, plainTypes: true });
  define("html xml svg xhtml vue svelte markup", { comment: String.raw`<!--[^]*?(?:-->|$)`, string: String.raw`(?<==)"[^"]*"?|(?<==)'[^']*'?`, property: String.raw`(?<![\w:@.-])[\w:@.-]{1,60}(?==["'])`, meta: String.raw`<[\/!?]?[\w:.-]+|[\/?]?>|&#?\w+;`, plainTypes: true, noCalls: true });
  define("tex latex", { comment: String.raw`(?<!\\)%[^\n]*`, meta: String.raw`\\(?:[a-zA-Z]+\*?|[^a-zA-Z\n])`, property: String.raw`\{[\w*]{1,60}\}`, plainTypes: true, noCalls: true });
  define("makefile make mk", { comment: hash, property: String.raw`\$[({][^(){}\n]{1,100}[)}]|\$[@<^*+?]`, meta: String.raw`^[\w.\/% -]+(?=:(?!=))`, words: "define else endef endif export ifdef ifeq ifndef ifneq include", plainTypes: true });
  define("dockerfile docker", { comment: String.raw`^[ \t]*#[^\n]*`, string: `${double}|${single}`, property: String.raw`\$\{?\w+\}?`, plainTypes: true,
    words: "ADD ARG AS CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR" });
  define("cmake", { comment: hash, string: double, property: String.raw`\$\{[^{}\n]{1,100}\}`, plainTypes: true, ignoresCase: true, words: "else elseif endforeach endfunction endif endmacro endwhile foreach function if macro return while", literals: "on off true false" });
  define("diff patch", { meta: String.raw`^(?:@@|diff |index |--- |\+\+\+ )[^\n]*`, inserted: String.raw`^\+[^\n]*`, deleted: String.raw`^-[^\n]*`, plainTypes: true, noCalls: true, noNumbers: true });
}

const codeReaders = new Map();  // facts of a language: {pattern, kinds of its groups, words, literals}

function codeReader(facts) {
  let reader = codeReaders.get(facts);
  if (reader) return reader;
  const parts = [["comment", facts.comment], ["meta", facts.meta], ["inserted", facts.inserted], ["deleted", facts.deleted], ["property", facts.property], ["string", facts.string],
    ["number", facts.noNumbers ? "" : String.raw`(?<![\w$])(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\w*`],
    ["word", String.raw`[\p{L}_][\p{L}\p{N}_]*`]].filter(([, pattern]) => pattern);
  const set = words => new Set(words.split(" ").map(word => facts.ignoresCase ? word.toLowerCase() : word));
  reader = {
    pattern: new RegExp(parts.map(([, pattern]) => `(${pattern})`).join("|"), "gmu"),
    kinds: parts.map(([kind]) => kind), words: set(facts.words), literals: set(facts.literals),
  };
  codeReaders.set(facts, reader);
  return reader;
}

/// The nodes that show a text of code: strings, and elements that say what they are by their class.
function codeNodes(text, language) {
  const facts = codeLanguages.get(language.toLowerCase());
  if (!facts || text.length > codeLimit) return [text];
  const { pattern, kinds, words, literals } = codeReader(facts);
  const nodes = [];
  let at = 0;
  pattern.lastIndex = 0;
  for (let match; (match = pattern.exec(text));) {
    if (!match[0]) { pattern.lastIndex += 1; continue; }
    let kind = kinds[match.findIndex((group, index) => index > 0 && group !== undefined) - 1];
    const end = pattern.lastIndex;
    if (kind === "word") {
      const word = facts.ignoresCase ? match[0].toLowerCase() : match[0];
      kind = words.has(word) ? "keyword" : literals.has(word) ? "number" : text[end] === "(" && !facts.noCalls ? "call"
        : !facts.plainTypes && /^\p{Lu}.*\p{Ll}/u.test(word.slice(0, 60)) ? "type" : null;
    }
    if (!kind) continue;
    if (match.index > at) nodes.push(text.slice(at, match.index));
    nodes.push(make("span", { className: kind }, match[0]));
    at = end;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}
