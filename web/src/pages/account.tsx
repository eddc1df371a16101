import { Page } from '../parts/basic';

export default function Here() { return <Page title="Soon"><p>Not drawn yet.</p></Page>; }
