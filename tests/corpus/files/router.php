<?php

declare(strict_types=1);

namespace Shop\Http;

final class Router
{
    /** @var array<string, callable> */
    private array $routes = [];

    public function __construct(private readonly string $prefix = '')
    {
    }

    /**
     * Adds a route.
     *
     * @param string $path such as /items/{id}
     */
    public function add(string $path, callable $handler): static
    {
        $pattern = preg_replace('/\{(\w+)\}/', '(?<$1>[^/]+)', $this->prefix . $path);
        $this->routes["#^{$pattern}$#"] = $handler;
        return $this;
    }

    public function dispatch(string $path): ?string
    {
        foreach ($this->routes as $pattern => $handler) {
            if (preg_match($pattern, $path, $found) === 1) {
                return $handler(...array_filter($found, 'is_string', ARRAY_FILTER_USE_KEY));
            }
        }
        return null;
    }

    private static function escape(string ...$texts): array
    {
        return array_map(
            fn (string $text): string => htmlspecialchars($text, ENT_QUOTES),
            $texts,
        );
    }
}

function page(string $title, string $body): string
{
    return <<<HTML
    <h1>{$title}</h1>
      <p>{$body}</p>
    HTML;
}
