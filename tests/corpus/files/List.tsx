import React from 'react';

type Props = { names: string[]; onPick?: (name: string) => void };

export function List({ names, onPick }: Props): JSX.Element {
  const [chosen, choose] = React.useState<string | null>(null);
  return (
    <ul className="list">
      {names.map((name) => (
        <li key={name} aria-selected={name === chosen} onClick={() => { choose(name); onPick?.(name); }}>
          {name || <em>nameless</em>}
        </li>
      ))}
    </ul>
  );
}

export const Empty = () => {
  const text = 'Nothing here';
  return <p>{text}</p>;
};
