//! Damages inputs, in ways that parsers dislike.

/// Pieces of the languages that are fuzzed.
const WORDS: [&str; 64] = [
    "{{",
    "}}",
    "{{-",
    "-}}",
    "{{/*",
    "*/}}",
    "{{ end }}",
    "{{ else }}",
    "{{ range . }}",
    "{{ with . }}",
    "{{ if . }}",
    "{{ define \"x\" }}",
    "{{ template \"x\" . }}",
    "{{ include \"x\" . }}",
    "{{ tpl . . }}",
    "{{ block \"x\" . }}",
    ".Values",
    "$x := ",
    "$",
    "|",
    "(",
    ")",
    "\"",
    "`",
    "'",
    "\\",
    "9223372036854775807",
    "-1",
    "1e999",
    "0x",
    "nil",
    "true",
    "printf \"%*d\" 999999999 1",
    "repeat 999999999 \"x\"",
    "until 999999999",
    "indent 99999999 .",
    "index . 0",
    "slice . 1 0",
    "call",
    "break",
    "continue",
    "\n---\n",
    "---#",
    "&a",
    "*a",
    "<<: *a",
    "!!binary",
    "!!int",
    "|-\n",
    ">+9\n",
    "? ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\t",
    "\u{feff}",
    "\u{0}",
    "\u{1F600}",
    "image: ",
    "a/b:c@sha256:",
    "=,{}[9999999999]",
];

/// Makes new inputs from seeds.
pub(crate) struct Mutator<'a> {
    state: u64,
    seeds: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(seed: u64, seeds: &'a [Vec<u8>]) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, seeds }
    }

    /// The next input: a seed with one to eight changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(256 << 10);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let to = (at + self.below(64)).min(input.len());
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 => drop(input.drain(at..to)),
            2 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.bytes());
            }
            3 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..to, word.bytes());
            }
            4 => {
                // The same again and again: depth and length.
                let piece = input[at..to].to_vec();
                let many = piece.repeat(1 + self.below(300));
                input.splice(at..at, many);
            }
            5 => {
                let other = self.below(self.seeds.len());
                let other = &self.seeds[other];
                let from = self.below(other.len() + 1);
                let until = (from + self.below(400)).min(other.len());
                input.splice(at..to, other[from..until].iter().copied());
            }
            6 => {
                let byte = u8::try_from(self.below(256)).unwrap_or(0);
                input.insert(at, byte);
            }
            _ => input.truncate(at.max(1)),
        }
    }

    /// A number below a bound (xorshift64*).
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        usize::try_from(number >> 33).unwrap_or(0) % bound.max(1)
    }
}
