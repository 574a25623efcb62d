import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useSpeech } from '../text/language.js';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A question that has to be answered before anything else. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={onClose}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

interface DrawerProps {
  title: string;
  note?: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
}

/** What was opened, beside what it was opened from. */
export function Drawer({ title, note, onClose, children }: DrawerProps) {
  const { t } = useSpeech();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    heading.current?.focus();
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open]')) onClose();
    };
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, [title]);
  return (
    <aside class="drawer" aria-label={title} tabIndex={0}>
      <header>
        <h2 ref={heading} tabIndex={-1}>
          {title}
        </h2>
        {note}
        <button type="button" class="quiet close" onClick={onClose} aria-label={t.close}>
          ✕
        </button>
      </header>
      {children}
    </aside>
  );
}
