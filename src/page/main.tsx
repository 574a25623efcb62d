import { render } from 'preact';
import { store } from './model/store.js';
import { App } from './views/app.js';

const root = document.getElementById('page');
if (root) {
  store.start();
  render(<App />, root);
}
