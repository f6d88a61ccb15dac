// Keeps the status page up to date. Without it the page reloads itself every 30 s.
(() => {
  'use strict';
  const main = document.querySelector('main[data-live]');
  if (!main) return;

  const POLL_MS = 15000, STALE_MS = 20000, ANNOUNCE_MS = 500, LEASE_MS = 4000;
  const byId = (id) => document.getElementById(id);
  const language = document.documentElement.lang;
  const token = document.querySelector('meta[name="csrf"]')?.content ?? '';
  const shared = `sidecar-page:${language}:${token ? 'operator' : 'visitor'}`;
  const ago = new Intl.RelativeTimeFormat(language);
  const clock = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: main.dataset.zone,
  });
  const words = (key, values = {}) =>
    main.dataset[`t${key}`].replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // --- time: by the server's clock, whatever the clock of this device says

  let asOf = Date.parse(main.dataset.at), receivedAt = performance.now(), connection = 'wait';
  const sinceReceived = () => performance.now() - receivedAt;
  const serverNow = () => asOf + sinceReceived();

  function age(ms) {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 60) return ago.format(-s, 'second');
    if (s < 3600) return ago.format(-Math.floor(s / 60), 'minute');
    if (s < 86400) return ago.format(-Math.floor(s / 3600), 'hour');
    return ago.format(-Math.floor(s / 86400), 'day');
  }

  function setText(node, text) {
    if (node && node.textContent !== text) node.textContent = text;
  }

  function showAges() {
    const isStale = connection !== 'pause' && sinceReceived() > STALE_MS;
    const at = clock.format(asOf);
    const key = isStale ? 'Lost' : { live: 'Live', lost: 'Lost', pause: 'Paused', wait: 'Wait' }[connection];
    byId('fresh').className = `fresh ${key.toLowerCase()}`;
    setText(byId('fresh-text'), words(key, { at, age: age(sinceReceived()) }));
    for (const node of main.querySelectorAll('[data-wall]')) {
      const wall = node.dataset.wall * 1000;
      setText(node, `${clock.format(wall)} (${age(serverNow() - wall)})`);
    }
    for (const node of main.querySelectorAll('time[data-aged]')) {
      node.dataset.aged = `(${age(serverNow() - Date.parse(node.dateTime))})`;
    }
  }

  // --- snapshots

  const shown = new Map(), states = new Map();
  let waiting = new Map(), last = null, changes = [], announcing = 0;
  for (const card of main.querySelectorAll('[data-state]')) states.set(card.id.slice(2), card.dataset.state);

  // A snapshot with a base has only the html that has changed since that one.
  function apply(snapshot) {
    const isPart = snapshot.base !== undefined;
    if (isPart && snapshot.base !== last?.number) return false;
    last = { ...snapshot, base: undefined, html: { ...(isPart ? last.html : {}), ...snapshot.html } };
    asOf = Date.parse(snapshot.as_of);
    receivedAt = performance.now();
    connection = 'live';
    if (snapshot.layout !== main.dataset.layout) reloadOnce(snapshot.layout);
    document.title = snapshot.title;
    byId('icon').href = byId('icon').href.replace(/icon-\w+/, `icon-${snapshot.level}`);
    for (const [id, html] of Object.entries(snapshot.html)) show(id, html);
    for (const [id, wall] of Object.entries(snapshot.answers)) {
      const node = byId(`a-${id}`);
      if (node) node.dataset.wall = wall;
    }
    announce(snapshot.targets);
    showAges();
    return true;
  }

  function show(id, html) {
    const node = byId(id);
    if (!node || shown.get(id) === html) return;
    if (node.contains(document.activeElement)) { waiting.set(id, html); return; }
    shown.set(id, html);
    const open = [...node.querySelectorAll('details')].map((one) => one.open);
    node.innerHTML = html;
    node.querySelectorAll('details').forEach((one, nth) => { one.open = open[nth] ?? false; });
    for (const input of node.querySelectorAll('input[name="csrf"]')) input.value = token;
  }

  // What has the focus is replaced only after the focus has left it.
  main.addEventListener('focusout', () => setTimeout(() => {
    const parts = waiting;
    waiting = new Map();
    for (const [id, html] of parts) show(id, html);
  }));

  function announce(targets) {
    for (const target of targets) {
      if (states.get(target.id) === target.state) continue;
      if (states.has(target.id)) changes.push(words('Changed', { name: target.name, state: target.word }));
      states.set(target.id, target.state);
    }
    if (!changes.length || announcing) return;
    announcing = setTimeout(() => {
      setText(byId('announcer'), changes.join(' '));
      changes = [];
      announcing = 0;
    }, ANNOUNCE_MS);
  }

  function reloadOnce(layout) {
    if (sessionStorage.getItem('sidecar-layout') === layout) return;
    sessionStorage.setItem('sidecar-layout', layout);
    location.reload();
  }

  // --- one stream for all tabs of this browser; none while the page is hidden

  const channel = 'BroadcastChannel' in window ? new BroadcastChannel(shared) : null;
  let source = null, polling = 0, release = null, waitingForLock = null, lease = 0;

  function receive(data) {
    const snapshot = JSON.parse(data);
    if (apply(snapshot)) channel?.postMessage(snapshot);
    else poll();
  }

  function open() {
    close();
    source = new EventSource(`/page/stream?${main.dataset.query}`);
    source.addEventListener('page', (event) => receive(event.data));
    source.onopen = () => { clearInterval(polling); polling = 0; };
    source.onerror = () => {
      const isRefused = source?.readyState === EventSource.CLOSED;
      if (isRefused && !polling) polling = setInterval(poll, POLL_MS);
      if (isRefused && sinceReceived() < STALE_MS) connection = 'wait';
      else { connection = 'lost'; channel?.postMessage('lost'); }
      showAges();
    };
  }

  function close() {
    source?.close();
    source = null;
    clearInterval(polling);
    polling = 0;
  }

  async function poll() {
    try {
      const answer = await fetch(`/page/state.json?${main.dataset.query}`, { cache: 'no-store' });
      if (answer.ok) { receive(await answer.text()); connection = 'wait'; showAges(); }
      if (source?.readyState === EventSource.CLOSED) open();
    } catch { /* the page says how old it is */ }
  }

  function lead() {
    if (document.hidden || source || waitingForLock || lease) return;
    if (!channel) { open(); return; }
    channel.postMessage('ask');
    if (!navigator.locks) { takeLease(); return; }
    waitingForLock = new AbortController();
    navigator.locks.request(shared, { signal: waitingForLock.signal }, () => {
      open();
      return new Promise((resolve) => { release = resolve; });
    }).catch(() => {});
  }

  // Without https there are no locks: a lease in the local storage does the same.
  const tab = `${Date.now()}-${Math.random()}`;
  function takeLease() {
    const check = () => {
      const [holder, until] = (localStorage.getItem(shared) ?? '').split(' ');
      const isFree = !holder || holder === tab || Date.now() > Number(until);
      if (isFree) localStorage.setItem(shared, `${tab} ${Date.now() + LEASE_MS}`);
      if (isFree && !source) open();
      if (!isFree && source) close();
    };
    lease = setInterval(check, LEASE_MS / 4);
    check();
  }

  function leave() {
    waitingForLock?.abort();
    release?.();
    clearInterval(lease);
    if (lease && source) localStorage.removeItem(shared);
    waitingForLock = release = null;
    lease = 0;
    close();
  }

  if (channel) channel.onmessage = ({ data }) => {
    if (data === 'ask') { if (source && last && connection === 'live') channel.postMessage(last); }
    else if (data === 'lost') { connection = 'lost'; showAges(); }
    else if (!document.hidden && !apply(data)) channel.postMessage('ask');
  };
  document.addEventListener('visibilitychange', () => {
    connection = document.hidden ? 'pause' : 'wait';
    if (document.hidden) leave(); else lead();
    showAges();
  });
  addEventListener('pagehide', leave);
  addEventListener('pageshow', lead);

  document.title = main.dataset.title;
  byId('icon').href = byId('icon').href.replace(/icon-\w+/, `icon-${main.dataset.level}`);
  showAges();
  setInterval(showAges, 1000);
  lead();
})();
