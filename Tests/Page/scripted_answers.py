"""What the server with scripted answers answers, by the message that asks for it."""

MARKDOWN = """# A heading

A paragraph with **bold**, *italic*, ***both***, ~~gone~~ and `inline *code*`,
snake_case_name, 2 * 3 * 4, an escaped \\*star\\*.

## Lists

1. First
   - nested **one**
   - nested two
2. Second, with a paragraph:

   inside of it
3. Third

- a
- b with `code`

> A quote
> with two lines

```swift
let x = 1 < 2 && "**not bold**" != "<b>"
print(x)
```

| name | speed | note |
|:-----|------:|:----:|
| int4 | 7.9 | **fast** |
| int8 | 6.4 | a \\| b |

---

A [link](https://example.com/path) and https://example.org/bare, done.
"""

INJECTION = """<img src=x onerror="window.broken=1"> <script>window.broken=2</script>

</script><svg onload="window.broken=3">

[click](javascript:window.broken=4) [data](data:text/html,<script>window.broken=5</script>) [file](file:///etc/passwd)

![image](https://example.com/i.png) ![x](x" onerror="window.broken=6)

[a](https://example.com/" onmouseover="window.broken=7) <https://example.com/?q=<b>>

```<img src=x onerror=window.broken=8>
</code></pre><img src=x onerror=window.broken=9>
```

| <img src=x onerror=window.broken=10> | b |
|---|---|
| <iframe src="javascript:window.broken=11"></iframe> | [x](JaVaScRiPt:window.broken=12) |

[user](https://user:password@example.com/) [deep [nested](https://example.com/n) text](vbscript:x)
"""

FORMULAS = r"""The roots of $ax^2 + bx + c = 0$ are

$$
x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}
$$

and \(e^{i\pi} + 1 = 0\) holds in a line, with $p_1 * p_2 * p_3$ and **bold $x_1$** in $\mathbb{R}$. Prices such as $5 and $10, or $20–$30, are none; nor is `$code$`, \$x\$ or $HOME/$USER.

\[ \sum_{k=1}^{n} k^2 = \frac{n(n+1)(2n+1)}{6} \]

1. In a list: \(\alpha \le \beta\)
   \[ \int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2} \]

\begin{align}
f(x) &= (x + 1)^2 \\
- g(x) &= \begin{pmatrix} a & b \\ c & d \end{pmatrix}
\end{align}

No formula: $\undefined{x}$, and a mark alone: $.
"""

CODE = '''```python
@cache
def greet(name: str) -> str:
    """Says hello."""
    return f"Hello, {name}!"  # to whom it may be
print(greet("World"), 0x1F, None)
```

```swift
/* A structure. */
struct Point { let x = 1.5, y = "two" }
```

```diff
- old
+ new
```

```unheard-of
<b>plain</b>
```
'''

CUT = "This answer is longer than the limit, **which cuts** it off, until it is gone on with."

ANSWERS = {"markdown": MARKDOWN, "injection": INJECTION, "long": "A line of the answer.\n\n" * 120, "formulas": FORMULAS, "code": CODE, "cut": CUT}
