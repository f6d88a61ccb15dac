// Makes a button of each day of a strip: one tab stop; arrow keys, Home and End,
// Page Up and Down by weeks. Without it the strip is a drawing with a list below.
(() => {
  'use strict';
  const main = document.querySelector('main[data-live]');
  if (!main) return;

  const fullDate = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'full', timeZone: 'UTC' });
  const words = (key, values = {}) =>
    main.dataset[`t${key}`].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const first = Date.parse(`${main.dataset.first}T00:00:00Z`);
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -Infinity, End: Infinity };

  function describe(codes, days, nth) {
    const day = fullDate.format(first + nth * 86400000);
    const [share, incidents] = days[nth] ?? ['', []];
    const key = share ? 'Day' : { n: 'None', p: 'Planned' }[codes[nth]] ?? 'Quiet';
    const name = words(key, { day, share });
    return incidents.length ? `${name}, ${words('Count', { count: incidents.length })}` : name;
  }

  function upgrade(strip) {
    const codes = strip.dataset.codes, days = JSON.parse(strip.dataset.days);
    const bars = document.createElement('div'), line = strip.querySelector('.day');
    bars.className = 'bars';
    bars.setAttribute('role', 'group');
    bars.setAttribute('aria-label', words('Strip', { name: strip.dataset.name }));
    const buttons = [...codes].map((code, nth) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.tabIndex = nth === codes.length - 1 ? 0 : -1;
      button.setAttribute('aria-label', describe(codes, days, nth));
      bars.append(button);
      return button;
    });

    function tell(nth) {
      const links = (days[nth]?.[1] ?? []).map((id) => {
        const link = document.createElement('a');
        link.href = `/incidents/${id}?${main.dataset.query}`;
        link.textContent = `${words('Open')} ${id.slice(-6)}`;
        return link;
      });
      line.replaceChildren(describe(codes, days, nth), ...links.flatMap((link) => [' ', link]));
      return links;
    }

    bars.addEventListener('keydown', (event) => {
      const step = STEPS[event.key], from = buttons.indexOf(document.activeElement);
      if (step === undefined || from < 0) return;
      event.preventDefault();
      const to = Math.min(buttons.length - 1, Math.max(0, from + step));
      buttons[from].tabIndex = -1;
      buttons[to].tabIndex = 0;
      buttons[to].focus();
    });
    bars.addEventListener('focusin', (event) => tell(buttons.indexOf(event.target)));
    bars.addEventListener('mouseover', (event) => {
      if (buttons.includes(event.target)) tell(buttons.indexOf(event.target));
    });
    bars.addEventListener('click', (event) => {
      const links = buttons.includes(event.target) ? tell(buttons.indexOf(event.target)) : [];
      if (links.length === 1) location.assign(links[0].href);
      else links[0]?.focus();
    });
    const drawing = strip.querySelector('svg');
    drawing.setAttribute('aria-hidden', 'true');
    drawing.removeAttribute('role');
    drawing.after(bars);
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      seen.unobserve(entry.target);
      upgrade(entry.target);
    }
  }, { rootMargin: '400px' });
  for (const strip of main.querySelectorAll('.strip')) seen.observe(strip);
})();
